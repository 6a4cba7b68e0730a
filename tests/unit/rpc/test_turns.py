from imagesvc.rpc.turns import Turns


def test_so_many_have_a_turn_and_the_others_follow_in_order():
    turns = Turns(2)
    assert [turns.take(who) for who in "abcd"] == [True, True, False, False]
    assert [turns.give(), turns.give()] == ["c", "d"]
    assert [turns.give(), turns.give()] == [None, None]
    assert [turns.take(who) for who in "efg"] == [True, True, False]


def test_who_is_forgotten_gets_no_turn():
    turns = Turns(1)
    assert [turns.take(who) for who in "abc"] == [True, False, False]
    assert turns.forget() == ["b", "c"]
    assert turns.give() is None
    assert turns.take("d")
