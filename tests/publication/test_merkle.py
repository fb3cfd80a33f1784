"""Is the tree that of RFC 6962, and does a proof prove only what is so?"""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle.publication import merkle

# The tree of the tests of Certificate Transparency: its leaves, and its root at each size.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Two of the published proofs over it (https://github.com/transparency-dev/merkle, testdata).
FIRST_OF_EIGHT = [
    "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
    "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
    "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
]
HASHES = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_root_is_the_published_one_at_every_size(size: int) -> None:
    assert merkle.root(HASHES[:size]).hex() == ROOTS[size]


def test_the_proofs_are_the_published_ones() -> None:
    expected = [base64.b64decode(text) for text in FIRST_OF_EIGHT]
    assert merkle.inclusion(0, HASHES) == expected
    assert merkle.consistency(1, HASHES) == expected
    assert merkle.is_included(HASHES[0], 0, 8, expected, bytes.fromhex(ROOTS[8]))
    assert merkle.is_consistent(1, 8, bytes.fromhex(ROOTS[1]), bytes.fromhex(ROOTS[8]), expected)


def leaves(number: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % index) for index in range(number)]


@given(st.integers(1, 70), st.data())
def test_every_leaf_is_proven_and_no_other_by_its_proof(size: int, data: st.DataObject) -> None:
    tree = leaves(size)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion(index, tree), merkle.root(tree)
    assert merkle.is_included(tree[index], index, size, proof, root)
    assert merkle.is_included(tree[other], index, size, proof, root) == (other == index)
    assert merkle.is_included(tree[index], other, size, proof, root) == (other == index)
    assert not merkle.is_included(tree[index], index, size, [*proof, root], root)
    assert not merkle.is_included(tree[index], size, size, proof, root)
    if proof:
        assert not merkle.is_included(tree[index], index, size, proof[:-1], root)


@given(st.integers(1, 70), st.data())
def test_every_beginning_is_proven_and_no_other_tree(size: int, data: st.DataObject) -> None:
    tree = leaves(size)
    first = data.draw(st.integers(1, size))
    proof, before, after = merkle.consistency(first, tree), merkle.root(tree[:first]), merkle.root(tree)
    assert merkle.is_consistent(first, size, before, after, proof)
    forked = merkle.root([merkle.leaf_hash(b"forked"), *tree[1:]])
    assert not merkle.is_consistent(first, size, before, forked, proof)
    assert not merkle.is_consistent(first, size, forked, after, proof)
    assert not merkle.is_consistent(first, size, before, after, [*proof, before])
    assert not merkle.is_consistent(size, first, after, before, proof) or first == size


def test_nothing_is_proven_of_an_empty_tree_but_that_it_is_empty() -> None:
    empty, one = merkle.root([]), merkle.root(leaves(1))
    assert merkle.is_consistent(0, 0, empty, empty, [])
    assert not merkle.is_consistent(0, 1, empty, one, [])
    assert not merkle.is_consistent(0, 0, one, one, [])


def test_a_node_does_not_pass_for_a_leaf() -> None:
    left, right = leaves(2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)
