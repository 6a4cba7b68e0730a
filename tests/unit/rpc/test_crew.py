import threading

from imagesvc.rpc.crew import Crew
from tests.contract.conftest import until


def test_jobs_are_done_side_by_side_up_to_the_limit_and_then_in_order():
    crew = Crew(2, "crew")
    begun, order, go_on = threading.Semaphore(0), [], threading.Event()

    def work(number):
        order.append(number)
        begun.release()
        assert go_on.wait(30)

    for number in range(5):
        crew.put(lambda number=number: work(number))
    assert begun.acquire(timeout=30)
    assert begun.acquire(timeout=30)
    assert not begun.acquire(timeout=0.05)
    go_on.set()
    crew.close()
    assert set(order[:2]) == {0, 1}
    assert sorted(order) == list(range(5))


def test_a_thread_that_is_free_is_used_again():
    crew = Crew(8, "crew")
    for _ in range(5):
        crew.put(lambda: None)
        until(lambda: crew._spare == 1)
    assert len(crew._threads) == 1
    crew.close()


def test_what_nobody_has_begun_is_done_before_the_end():
    crew = Crew(1, "crew")
    done = []
    for number in range(20):
        crew.put(lambda number=number: done.append(number))
    crew.close()
    assert done == list(range(20))
