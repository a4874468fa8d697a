import numpy as np

from graphml.tables.synthetic.ids import Ids, pick


def test_names_are_distinct_and_differ_between_types():
    ids = Ids(np.random.default_rng(2))
    members, devices = ids.names(70_000), ids.names(30_000)

    assert members.n_unique() == 70_000
    assert devices.n_unique() == 30_000
    assert not set(members) & set(devices)
    assert members.str.len_bytes().unique().to_list() == [16]


def test_names_follow_the_seed_alone():
    def first(seed):
        return Ids(np.random.default_rng(seed)).names(5).to_list()

    assert first(3) == first(3)
    assert first(3) != first(4)


def test_a_negative_number_has_no_name():
    names = Ids(np.random.default_rng(0)).names(3)

    assert pick(names, np.array([2, -1, 0])).to_list() == [names[2], None, names[0]]
    assert pick(names[:0], np.array([-1])).to_list() == [None]
