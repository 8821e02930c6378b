"""Short messages between processes of one machine, here between threads: who hears what, and who is missed."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from thalweg.distributed import sockets

COUNT = 3


class Met:
    """Threads that hear what all of them tell, as processes do."""

    def __init__(self, count=COUNT):
        self.told, self.barrier = [None] * count, Barrier(count)

    def connected(self, place, seconds=30.0):
        def tell(mine):
            self.told[place] = mine
            self.barrier.wait()
            found = list(self.told)
            self.barrier.wait()
            return found

        return sockets.connected(place, len(self.told), seconds, tell)


def of_all(call, count=COUNT):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@pytest.fixture
def connections():
    found = of_all(Met().connected)
    yield found
    for each in found:
        each.close()


def test_each_hears_all_in_their_order(connections):
    """Message after message, also where one process is ahead by one."""
    for turn in range(20):
        messages = [bytes([turn, place]) * (sockets.MOST_BYTES // 2) for place in range(COUNT)]
        found = of_all(lambda place, sent=messages: connections[place].exchange(sent[place]))
        assert found == [messages] * COUNT


def test_who_leaves_is_missed(connections):
    connections[1].close()
    for place in (0, 2):
        with pytest.raises(OSError, match=r"closed its connection|Broken pipe|reset"):
            connections[place].exchange(b"number")


def test_who_is_late_is_missed():
    met = Met()
    first, second, third = of_all(lambda place: met.connected(place, seconds=0.05))
    with pytest.raises(TimeoutError):
        first.exchange(b"number")
    for each in (first, second, third):
        each.close()


def test_a_forked_process_keeps_none_open(connections):
    """Or nobody would miss its parent."""
    if not (child := os.fork()):
        os._exit(int(not all(own.fileno() == -1 for each in connections for own in each.others.values())))
    assert os.waitpid(child, 0)[1] == 0
    assert connections[0].others[1].fileno() != -1


def test_all_do_without_where_one_cannot_be_reached(monkeypatch):
    """As where the address of one means nothing on another's machine."""
    door = sockets._door
    monkeypatch.setattr(sockets, "_door", lambda address: door(f"{address} of another machine"))
    assert of_all(Met().connected) == [None] * COUNT


def test_many_do_without():
    assert sockets.connected(0, sockets.MOST_PROCESSES + 1, 1.0, pytest.fail) is None
