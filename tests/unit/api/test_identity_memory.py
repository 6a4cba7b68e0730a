from imagesvc.api import identity_memory
from imagesvc.api.identity_memory import IdentityMemory


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_value_is_known_by_its_secrets_for_a_while():
    clock = Clock()
    memory = IdentityMemory(10, clock)
    memory.put("alice", "token")
    assert memory.get("token") == "alice"
    assert memory.get("token2") is None
    clock.now += 9.9
    assert memory.get("token") == "alice"
    clock.now += 0.1
    assert memory.get("token") is None


def test_where_one_secret_ends_and_the_next_begins_matters():
    memory = IdentityMemory(10)
    memory.put("alice", "user", "password")
    assert memory.get("use", "rpassword") is None
    assert memory.get("userpassword") is None
    assert memory.get("user", b"password") == "alice"


def test_no_time_means_no_memory():
    memory = IdentityMemory(0)
    memory.put("alice", "token")
    assert memory.get("token") is None


def test_the_secrets_themselves_are_not_kept():
    memory = IdentityMemory(10)
    memory.put("alice", "canary")
    assert "canary" not in repr(vars(memory))
    assert b"canary" not in b"".join(memory._entries)


def test_two_processes_keep_different_hashes():
    first, second = IdentityMemory(10), IdentityMemory(10)
    first.put("alice", "token")
    second.put("alice", "token")
    assert set(first._entries) != set(second._entries)


def test_what_is_old_goes_and_what_is_too_much(monkeypatch):
    clock = Clock()
    memory = IdentityMemory(10, clock)
    for number in range(5):
        memory.put("x", str(number))
    clock.now += 11
    for number in range(5):
        memory.put("x", f"new {number}")
    assert len(memory._entries) == 5
    monkeypatch.setattr(identity_memory, "_MOST_ENTRIES", 3)
    for number in range(20):
        memory.put("x", f"more {number}")
    assert len(memory._entries) == 3
    assert memory.get("more 19") == "x"
