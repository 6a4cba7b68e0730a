"""R41 at full size: 8 GiB through one worker."""

from tests.fixtures.daemons import deployed
from tests.fixtures.images import ImageClient

GIBIBYTE = 1 << 30


def _upload_zeros(api: ImageClient, size: int) -> str:
    image_id = api.created()
    block = bytes(4 << 20)
    response = api.upload(image_id, (block for _ in range(size // len(block))))
    assert response.status_code == 204, response.text
    return image_id


def test_r41_8_gib_cost_no_more_memory_than_64_mib(tmp_path):
    options = {"DEFAULT": {"workers": 1}, "glance_store": {"filesystem_thin_provisioning": True}}
    with deployed(tmp_path, options) as service:
        api = ImageClient(service.url, timeout=600)
        api.delete(_upload_zeros(api, GIBIBYTE // 16))
        before = service.peak_memory("glance-api")
        image_id = _upload_zeros(api, 8 * GIBIBYTE)
        assert api.show(image_id).json()["size"] == 8 * GIBIBYTE
        with api.request("GET", f"/v2/images/{image_id}/file", stream=True) as response:
            assert sum(map(len, response.iter_content(4 << 20))) == 8 * GIBIBYTE
        assert service.peak_memory("glance-api") - before <= 16 << 20
