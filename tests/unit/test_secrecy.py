import logging
import os
import stat

import pytest
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import secrecy

FERNET = "gAAAAABrASYKdEwXzmgyhz0VMosiyZkqVaus-zkP_tstpkPUqp_AsSWC6197nKbydh9aCTiMlt9ACNylUKefyMWNV4w=="
JWS = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9abcdef.c2lnbmF0dXJlLW9mLWNhbmFyeQ"


@pytest.fixture
def configured(tmp_path):
    def make(text):
        path = tmp_path / "glance-api.conf"
        path.write_text(text)
        conf = cfg.ConfigOpts()
        options.parse_args(conf, ["--config-file", str(path)], "glance-api")
        return conf

    return make


@pytest.mark.parametrize(
    "text",
    [
        "X-Auth-Token: canary",
        "{'X-Auth-Token': 'canary', 'b': 1}",
        "{b'x-auth-token': b'canary'}",
        '{"X-Service-Token": "canary"}',
        '{\\"X-Subject-Token\\": \\"canary\\"}',
        "[('X-Storage-Token', 'canary')]",
        "'HTTP_X_AUTH_TOKEN': 'canary'",
        'curl -g -i -X GET http://k:5000/v3 -H "X-Auth-Token: canary" -H "Accept: x"',
        "Authorization: Basic canary",
        "authorization=Bearer canary",
        "'HTTP_AUTHORIZATION': 'AWS4-HMAC-SHA256 canary'",
        "mysql+pymysql://glance:canary@db/glance",
        "rabbit://a:canary@one:5672,b:canary@two:5672//",
        "swift+https://service:glance:canary@auth.example.com/v3/container/id",
        "http://o/v1/c/o?temp_url_sig=canary&temp_url_expires=1",
        "https://s3/b?X-Amz-Credential=canary&X-Amz-Signature=canary",
        "https://s3/b?X-Amz-Security-Token=canary",
        "https://host/?access_token=canary",
        "https://host/blob?se=1&sig=canary",
        "Set-Cookie: canary; path=/",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    masked = secrecy.Redactor()(text)
    assert "canary" not in masked
    assert secrecy.MASK in masked


@pytest.mark.parametrize("token", [FERNET, JWS])
def test_tokens_are_masked_wherever_they_stand(token):
    assert secrecy.Redactor()(f"validating {token} took 3 s") == "validating *** took 3 s"


@pytest.mark.parametrize(
    "text",
    [
        "GET /v2/images/7f3c?x=1 200 0.003",
        "http://127.0.0.1:9292/v2/images and admin@example.com",
        "http://[::1]:9292/a/b@c",
        "The token expired; authorization failed",
        "rabbit://openstack@controller:5672/",
        "sqlite:////var/lib/glance/glance.sqlite",
        "image gAAAA is active",
    ],
)
def test_other_text_stays(text):
    assert secrecy.Redactor(["canary", "abc"])(text) == text


def test_the_account_of_a_url_stays():
    assert secrecy.Redactor()("rabbit://openstack:x@h:5672/") == "rabbit://openstack:***@h:5672/"


def test_values_are_masked_in_every_spelling():
    redact = secrecy.Redactor(["ca/na+ry", "ca/na", "k\\ey'x"])
    assert secrecy.Redactor(["ca%2Fry", "abcd"])("<ca/ry> abcd") == "<***> ***"
    for spelling in ("ca/na+ry", "ca%2Fna%2Bry", repr("k\\ey'x"), "ca%2Fna"):
        assert redact(f"<{spelling}>").strip("<>\"'") == secrecy.MASK


def test_secrets_are_found_in_files_and_in_the_environment(configured, tmp_path, monkeypatch):
    (tmp_path / "swift.conf").write_text("[ref1]\nuser = service:glance\nkey = canary-of-swift\n")
    monkeypatch.setenv("OS_DATABASE__CONNECTION", "mysql://glance:canary%2Fenv@db/glance")
    found = secrecy.configured_secrets(
        configured(
            "[DEFAULT]\ntransport_url = rabbit://a:canary-1@one,b:canary-2@two/\nmetadata_encryption_key = canary-3\n"
            "workers = 2\nadmin_password = glance\n"
            "[keystone_authtoken]\npassword = canary-4\nmemcache_secret_key = canary-5\ntoken_cache_time = 300\n"
            "memcache_security_strategy = ENCRYPT\nservice_token_roles = service\nauth_url = http://keystone:5000\n"
            f"[fast]\ns3_store_secret_key = canary-6\nswift_store_config_file = {tmp_path}/swift.conf\n"
            "[rpc]\nsigning_key_file = /etc/glance/rpc.key\n"
        )
    )
    assert {f"canary-{number}" for number in range(1, 7)} | {"canary-of-swift", "canary%2Fenv"} <= found
    assert (
        found & {"/etc/glance/rpc.key", "300", "2", "service", "ENCRYPT", "glance", "http://keystone:5000", ""} == set()
    )


def test_all_kinds_of_secrets_are_found_in_directories_too(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "stores.conf").write_text(
        "[osprofiler]\nhmac_keys = canary-1, canary-2\n[s3]\ns3_store_access_key = canary-3\nstore-key-secret = canary-4\n"
        "[keystone]\nadmin_token = canary-5\naccess-key = canary-6\nrmq_passwd = canary-7\npin_password = 12345\n"
        "[swift]\nurl = swift+https://service:glance:canary-8@auth.example.com/v3\n"
    )
    (tmp_path / "conf.d" / "broken.conf").write_text("not an option\n")
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf.config_file, conf.config_dir = [str(tmp_path / "missing.conf")], [str(tmp_path / "conf.d")]
    found = secrecy.configured_secrets(conf)
    assert {f"canary-{number}" for number in range(1, 9)} <= found
    assert "12345" not in found


def test_every_handler_writes_without_secrets(configured, tmp_path):
    text = f"[DEFAULT]\ndebug = True\nlog_file = {tmp_path}/log\n[keystone_authtoken]\npassword = canary-of-glance\n"
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    other = logging.getLogger("of.a.library")
    other.addHandler(logging.FileHandler(tmp_path / "other"))
    try:
        for _ in range(2):  # as after a fork
            secrecy.set_up_logging(configured(text), "glance")
        other.debug("asked with %s", {"X-Auth-Token": "canary-of-alice"})
        try:
            raise ValueError("cannot reach swift://u:canary-of-swift@h/ with canary-of-glance")
        except ValueError:
            other.exception("failed")
    finally:
        for handler in other.handlers[:]:
            handler.close()
            other.removeHandler(handler)
        for handler in [handler for handler in root.handlers if handler not in before]:
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)
    for name in ("log", "other"):
        written = (tmp_path / name).read_text()
        assert "Traceback" in written
        assert "cannot reach swift://u:***@h/" in written
        assert "canary" not in written


def test_a_formatter_hands_no_secret_on_in_the_record():
    formatter = secrecy.RedactingFormatter(logging.Formatter(), secrecy.Redactor(["canary"]))
    try:
        raise ValueError("canary")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "m", (), (type(error), error, error.__traceback__))
    assert "canary" not in formatter.format(record)
    assert "canary" not in record.exc_text


@pytest.mark.parametrize(("before", "mode"), [(0o000, 0o640), (0o022, 0o640), (0o077, 0o600)])
def test_new_files_are_not_for_everybody(tmp_path, before, mode):
    old = os.umask(before)
    try:
        secrecy.restrict_new_files()
        (tmp_path / "file").touch()
        (tmp_path / "directory").mkdir()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) & 0o027 == 0
