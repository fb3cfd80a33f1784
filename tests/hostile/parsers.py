"""Which parsers read what strangers send, what do they read when all is well, and what must hold of what they read?"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.hostile import mutations
from tests.hostile.case import Case, Place
from tests.hostile.mutations import Chance, Mutation, bytewise, partwise

LARGEST_EXAMPLE = 1 << 16  # bytes


@dataclass
class Bench:
    """A parser with all it needs: an input is put where it belongs, and read."""

    examples: Sequence[bytes]
    put: Callable[[bytes], object]
    read: Callable[[], object]  # a value, or one of handstyle's own errors
    given: Path  # nothing in here may change while it reads
    mutate: Mutation = bytewise
    put_back: Callable[[], object] = lambda: None  # the folder is then as it was before the input


Maker = Callable[[Path], Bench]


def of_one_file(name: str, examples: Sequence[bytes], read: Callable[[Path], object], mutate: Mutation) -> Maker:
    def make(folder: Path) -> Bench:
        path = folder / "given" / name
        path.parent.mkdir()
        return Bench(examples, path.write_bytes, lambda: read(path), path.parent, mutate)

    return make


def of_cases(cases: Sequence[Case], *names: str) -> list[bytes]:
    """What the corpus has of one kind; an input that names its file where there are several."""
    found: dict[bytes, None] = {}
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(Path(folder, "given"), Path(folder, "workspace"), None)
            place.given.mkdir()
            with contextlib.suppress(AttributeError):  # it would want a base
                case.make(place)
            for path in sorted(place.given.iterdir()):
                if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_EXAMPLE:
                    continue
                if not names or path.name in names:
                    content = path.read_bytes()
                    found[named(path.name, content) if len(names) > 1 else content] = None
    return list(found)


# An input for one of several files begins with a line that names it.


def named(name: str, content: bytes) -> bytes:
    return name.encode() + b"\n" + content


def parted(data: bytes) -> tuple[str, bytes]:
    name, _, content = data.partition(b"\n")
    return name.decode(), content


def mutating(of: Callable[[str], Mutation]) -> Mutation:
    """Of the content alone, by the kind of its file."""

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        name, content = parted(data)
        alike = [found for other in others for title, found in [parted(other)] if title == name]
        return named(name, of(name)(content, chance, alike or [content]))

    return mutate


def by_suffix(name: str) -> Mutation:
    kinds = {".json": mutations.jsonwise, ".toml": mutations.tomlwise, ".safetensors": mutations.tensorwise}
    return kinds.get(Path(name).suffix, bytewise)


def in_folder(
    contents: dict[str, bytes], given: Path
) -> tuple[list[bytes], Callable[[bytes], Path], Callable[[], None]]:
    """Examples of each file, what puts one of them there, and what puts back what was there."""
    disturbed: list[str] = []

    def put(data: bytes) -> Path:
        restore()
        name, content = parted(data)
        (given / name).write_bytes(content)
        disturbed.append(name)
        return given / name

    def restore() -> None:
        while disturbed:
            name = disturbed.pop()
            (given / name).write_bytes(contents[name]) if name in contents else (given / name).unlink()

    return [named(name, content) for name, content in contents.items()], put, restore


def all_in(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# Pictures


def _picture(kind: str, mutate: Mutation) -> Maker:
    def make(folder: Path) -> Bench:
        from tests.hostile import jpeg, other_formats, png, tiff, webp

        cases = {"png": png, "jpeg": jpeg, "webp": webp, "tiff": tiff, "other-formats": other_formats}[kind].CASES
        return of_one_file("a boat", [data for data in of_cases(cases) if data], _seen, mutate)(folder)

    return make


def _seen(path: Path) -> object:
    from handstyle.collection.pixels import decode

    image = decode(path)
    assert image.mode == "RGB" and min(image.size) >= 8
    return None


def png_text(folder: Path) -> Bench:
    from PIL import Image

    from handstyle.generation.request import GenerationRequest
    from handstyle.generation.signature import read_signature, signed_png

    request = GenerationRequest(prompt="a boat, à la mer", seed=7, width=8, height=8)
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    whole = signed_png(image, request, base_name="small", base_digest="b" * 64, lineage={"collections": "c" * 64})

    def read(path: Path) -> object:
        record = read_signature(path)
        assert isinstance(record, dict)
        return None

    return of_one_file("a boat.png", [whole], read, partwise(mutations.png_parts, mutations.png_of))(folder)


# What people write


def captions(folder: Path) -> Bench:
    from tests.hostile import captions as cases
    from tests.hostile.png import GOOD

    from handstyle.collection.intake import collect
    from handstyle.collection.rights import own_work
    from handstyle.collection.rights_plan import for_all
    from handstyle.collection.works import Collection
    from handstyle.records import load_json

    given = folder / "given"
    given.mkdir()
    (given / "boat.png").write_bytes(GOOD)
    _, put, restore = in_folder({}, given)
    examples = of_cases(cases.CASES, "boat.txt", "metadata.jsonl", "metadata.csv")

    def read() -> object:
        collection = collect(given, rights=for_all(own_work("Ada")), validation=0.0)
        saved = collection.save(folder / "collection.json")
        assert Collection.read(load_json(saved), where="") == collection
        return None

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        return mutating(lambda name: partwise(mutations.lines_of, b"".join))(data, chance, others)

    return Bench(examples, put, read, given, mutate, restore)


def permissions(folder: Path) -> Bench:
    from tests.collection.consents import signed
    from tests.hostile import rights as cases

    from handstyle.collection.rights_plan import read_rights_toml

    given = folder / "given"
    given.mkdir()
    (given / "letter.pdf").write_bytes(b"%PDF a letter")
    (given / "ada.consent.json").write_bytes(signed().data)
    consented = b'[[rights]]\nconsent = "ada.consent.json"\nevidence = ["letter.pdf"]\n'

    def read() -> object:
        plan = read_rights_toml(given / "rights.toml")
        assert all(record.digest for name in ("boat.png", "ships/a [1].png") for record in plan.rights_for(name))
        return None

    examples = [*of_cases(cases.CASES, "rights.toml"), consented]
    return Bench(examples, (given / "rights.toml").write_bytes, read, given, mutations.tomlwise)


def terms(folder: Path) -> Bench:
    """From what is asked for to the statement and its page: what is drafted must be what is opened again."""
    from tests.collection import consents

    from handstyle.collection import consent, consent_page
    from handstyle.collection.terms import Terms, statement, toml

    asked = consents.asked()
    example = toml(author=asked.author, holders=asked.holders, on=consents.TODAY, scope=asked.scope)

    def read(path: Path) -> object:
        asked = Terms.at(path)
        made = statement(asked, consents.WORKS, background="white", on=consents.TODAY, beside=path.parent)
        drafted = consent.drafted(made)
        assert consent.opened(drafted.data, "the draft").statement == made
        assert consent_page.page(drafted)
        return None

    more = [consents.asked(distribution="named", recipients=["Kim"], commercial=True, territory=["DE"])]
    examples = [example, *(toml(author="Ada", holders=a.holders, on=consents.TODAY, scope=a.scope) for a in more)]
    return of_one_file("terms.toml", [text.encode() for text in examples], read, mutations.tomlwise)(folder)


def recipes(folder: Path) -> Bench:
    from handstyle.finetuning.recipe import PRESETS, Recipe

    def read(path: Path) -> object:
        recipe = Recipe.from_toml(path)
        assert Recipe.from_toml(recipe.to_toml(folder / "again.toml")) == recipe
        assert recipe.digest and recipe.words("a boat") and recipe.max_train.in_steps(30, recipe.train_batch_size)
        return None

    examples = [*(path.read_bytes() for path in sorted(PRESETS.glob("*.toml"))), Recipe().as_toml().encode()]
    return of_one_file("recipe.toml", examples, read, mutations.tomlwise)(folder)


def licences(folder: Path) -> Bench:
    from handstyle.collection.licence_expressions import spelled
    from handstyle.collection.rights import open_licence

    def read(path: Path) -> object:
        text = path.read_text(encoding="utf-8", errors="replace")
        record = open_licence(text, "Ada", "https://example.org")
        assert record.licence == spelled(record.licence or "") and record.digest
        return None

    examples = [b"CC-BY-4.0", b"MIT AND Apache-2.0", b"(GPL-2.0-or-later WITH Classpath-exception-2.0 OR MIT) AND ISC"]
    return of_one_file("licence.txt", examples, read, partwise(mutations.words_of, b" ".join))(folder)


# What is signed


def consents(folder: Path) -> Bench:
    from tests.collection.consents import ADA, ADA_HOLDS, PRESS, draft, signed

    from handstyle.collection import consent, consent_page

    examples = [signed().data, draft().data, signed(ADA_HOLDS, commercial=True).data]

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        return enveloped(data, chance, others, consent.PAYLOAD_TYPE, [
            lambda message: {"keyid": signer_id(ADA), "sig": signature_of(ADA, message)},
            lambda message: {"keyid": signer_id(PRESS), "sig": signature_of(PRESS, message)},
        ])  # fmt: skip

    def read(path: Path) -> object:
        found = consent.read(path)
        assert found.data == path.read_bytes() and consent_page.page(found)
        found.require_everybody("it")
        return None

    return of_one_file("ada.consent.json", examples, read, mutate)(folder)


def signer_id(signer: Any) -> str:
    from handstyle.keys import fingerprint, key_in

    return fingerprint(key_in(signer.public))


def signature_of(signer: Any, message: bytes) -> str:
    from handstyle import envelopes

    return envelopes.encoded(signer.sign(message))


def enveloped(
    data: bytes, chance: Chance, others: Sequence[bytes], kind: str, sign: Sequence[Callable[[bytes], dict[str, str]]]
) -> bytes:
    """Bytes; or the envelope's tree, in its canonical spelling; or the statement's, signed anew."""
    from handstyle import digests, envelopes

    try:
        outer = json.loads(data)
        if chance.random() < 0.3:
            return digests.canonical(mutations.branchwise(outer, chance, [outer]))
        content = mutations.branchwise(json.loads(envelopes.decoded(outer["payload"])), chance, [outer])
        payload = digests.canonical(content)
    except (ValueError, TypeError, KeyError, RecursionError):  # torn already, or without a canonical spelling
        return bytewise(data, chance, others)
    if chance.random() < 0.1:
        return bytewise(data, chance, others)
    message = envelopes.pre_authentication(kind, payload)
    return envelopes.sealed(kind, payload, [make(message) for make in sign])


def keys(folder: Path) -> Bench:
    """Private keys, and lists of keys to trust: each input is read as both."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from tests.hostile.keys import KEY, MINE, PUBLIC

    from handstyle import keys as ours
    from handstyle.errors import UsageMistake

    locked = BestAvailableEncryption(b"sesame")
    kinds = [
        (form, secret) for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8) for secret in (NoEncryption(), locked)
    ]
    private = [KEY.private_bytes(Encoding.PEM, form, secret) for form, secret in kinds]
    public = [PUBLIC + b" somebody\n", MINE + b"\n# mine\n", b'ada@example.org namespaces="file" ' + PUBLIC]

    def read(path: Path) -> object:
        with contextlib.suppress(UsageMistake):
            ours.read_key(path, lambda: "sesame")
        trusted = ours.trusted_fingerprints(path)
        assert trusted and all(line.startswith("SHA256:") and len(line) == 50 for line in trusted)
        return None

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        return armoured(data, chance) or bytewise(data, chance, others)

    return of_one_file("key", [*private, *public], read, mutate)(folder)


def armoured(data: bytes, chance: Chance) -> bytes | None:
    """What stands in base64 between two lines of dashes, or behind `ssh-ed25519`, changed within."""
    import base64
    import binascii
    import re

    found = re.search(rb"(-----BEGIN [A-Z ]+-----\n|ssh-ed25519 )([A-Za-z0-9+/=\n]+)", data)
    if not found or chance.random() < 0.4:
        return None
    try:
        inner = base64.b64decode(found[2])
    except binascii.Error:
        return None
    return data[: found.start(2)] + base64.b64encode(bytewise(inner, chance, [inner])) + b"\n" + data[found.end(2) :]


def releases(folder: Path) -> Bench:
    """Each file of a release, with everything signed anew; and the envelope as it is."""
    from tests.hostile.releases import ENVELOPE, KEY, TYPE, sealed, signed
    from tests.publication.ingredients import gathered

    from handstyle.publication.verification import verify

    (folder / "ingredients").mkdir()
    given = gathered(folder / "ingredients")._replace(key=KEY).assemble(folder / "release")
    whole = all_in(given)
    examples, put_one, restore = in_folder(whole, given)

    def put(data: bytes) -> None:
        path = put_one(data)
        if path.name != ENVELOPE:
            (given / ENVELOPE).write_bytes(whole[ENVELOPE])
            signed(lambda statement: None)(given)

    def keep() -> None:
        restore()
        (given / ENVELOPE).write_bytes(whole[ENVELOPE])

    def sign(message: bytes) -> dict[str, str]:
        made: dict[str, str] = sealed(b"", KEY)["signatures"][0]
        from handstyle import envelopes

        return {**made, "sig": envelopes.encoded(KEY.sign(message))}

    def of(name: str) -> Mutation:
        if name == ENVELOPE:
            return lambda data, chance, others: enveloped(data, chance, others, TYPE, [sign])
        return by_suffix(name)

    def read() -> object:
        found = verify(given)
        assert found.words and json.dumps(found.as_json())
        return f"{found.status}: {' '.join(sorted(finding.words for finding in found.findings))}"

    likely = [example for example in examples if parted(example)[0].endswith((".json", ".toml", ".safetensors"))]
    return Bench(likely, put, read, given, mutating(of), keep)


def records(folder: Path) -> Bench:
    """The records that a workspace, a style's folder and a release are made of: read, written, read again."""
    from tests.publication.ingredients import gathered

    from handstyle.finetuning.manifest import RunManifest
    from handstyle.inspection import page
    from handstyle.records import Record, load_json
    from handstyle.workspace import Current, OriginalFolder

    given = folder / "given"
    for place in (given, folder / "ingredients"):
        place.mkdir()
    made = gathered(folder / "ingredients")
    manifest = RunManifest(
        collection="c" * 64, works=2, base=made.style.base, recipe=made.style.recipe, resolution=64, steps=4,
        environment={"torch": "2"},
    )  # fmt: skip
    found: dict[str, Record] = {
        "collection.json": made.collection, "style.json": made.style, "report.json": made.report,
        "manifest.json": manifest, "current.json": Current(collection="c" * 64), "clearance.json": made.cleared,
        "folder.json": OriginalFolder(folder="/works"),
    }  # fmt: skip
    current: list[str] = []
    _, put_one, restore = in_folder({}, given)

    def put(data: bytes) -> None:
        current[:] = [put_one(data).name]

    def read() -> object:
        kind = type(found[current[0]])
        record = kind.load(given / current[0])
        assert kind.read(load_json(record.save(folder / "again.json")), where="") == record and record.digest
        if current[0] == "report.json":
            page.page(record, folder, public=True)  # type: ignore[arg-type]
        return None

    examples = [named(name, json.dumps(record.as_json()).encode()) for name, record in found.items()]
    return Bench(examples, put, read, given, mutating(by_suffix), restore)


# Tensors


def tensor_files(folder: Path) -> Bench:
    """Without torch and with it: what both read must be the same."""
    from tests.publication.ingredients import low_rank_tensors

    from handstyle import digests
    from handstyle import tensor_files as ours
    from handstyle.diffusion.checkpoints import read_tensors

    whole = ours.write_tensors(folder / "whole.safetensors", low_rank_tensors(), {"format": "pt", "ä": '{"a": 1}'})
    small = ours.write_tensors(
        folder / "small.safetensors", {"a": ours.scalar(1.5), "b": ours.Tensor("BF16", (0, 2), b"")}, {}
    )

    def read(path: Path) -> object:
        digest = digests.of_tensor_file(path)
        with ours.tensors_in(path) as tensors:
            assert ours.digest(tensors) == digest
            shapes = {name: tensor.shape for name, tensor in tensors.items()}
        metadata = ours.metadata_of(path)
        loaded, told = read_tensors(path)
        assert {name: tuple(value.shape) for name, value in loaded.items()} == shapes and told == metadata
        return None

    examples = [whole.read_bytes(), small.read_bytes()]
    return of_one_file("style.safetensors", examples, read, mutations.tensorwise)(folder)


def cache(folder: Path) -> Bench:
    """A damaged entry counts as missing: what comes out is what went in, or nothing."""
    import torch

    from handstyle.encoding.cache import Cache

    key, held = "ab" + "c" * 62, {"mean": torch.arange(12.0).reshape(1, 3, 4), "std": torch.ones(1, 3, 4)}
    shelf = Cache(folder / "given")
    shelf.put(key, held, width=8)
    path = shelf.path(key)

    def read() -> object:
        for like in (None, {name: tuple(value.shape) for name, value in held.items()}):
            found = shelf.get(key, like)
            assert found is None or all(torch.equal(found[name], value) for name, value in held.items())
        return "missing" if found is None else "found"

    return Bench([path.read_bytes()], path.write_bytes, read, folder / "given", mutations.tensorwise)


def snapshots(folder: Path) -> Bench:
    import torch

    from handstyle.finetuning.snapshots import KINDS, Snapshots, State

    parts = [{"unet.a": torch.arange(6.0) + place, "unet.b": torch.ones(2, 2)} for place in range(3)]
    state = State(4, *parts, {})
    kept = Snapshots(folder / "given", "l" * 64)
    path = kept.save(state)

    def read() -> object:
        found = kept.newest()
        assert found is not None and found.step == state.step
        for kind in KINDS:
            one, other = getattr(found, kind), getattr(state, kind)
            assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
        return None

    return Bench([path.read_bytes()], path.write_bytes, read, folder / "given", mutations.tensorwise)


def bases(folder: Path) -> Bench:
    """The configurations, vocabularies and card of a base: it draws and encodes, or says why not."""
    from tests.conftest import save_tiny_base

    from handstyle import stages
    from handstyle.diffusion.catalogue import load
    from handstyle.workspace import Workspace

    given = save_tiny_base(folder / "base")
    (given / "handstyle.toml").write_text('name = "small"\nlicence = "MIT"\nnum_inference_steps = 2\n')
    files = {name: content for name, content in all_in(given).items() if not name.endswith(".safetensors")}
    examples, put, restore = in_folder(files, given)

    def read() -> object:
        import torch

        for place in ("workspace", "pictures"):
            shutil.rmtree(folder / place, ignore_errors=True)
        stages.generate(
            Workspace(folder / "workspace"), ["a boat"], base=given, styles=["none"], to=folder / "pictures",
            settings={"num_inference_steps": 1},
        )  # fmt: skip
        family = load(given)
        family.encode_pixels(torch.zeros(1, 3, family.pixel_multiple, family.pixel_multiple))
        assert family.low_rank_targets(["attention"]) and family.text_digest()
        return None

    short = [example for example in examples if len(example) < LARGEST_EXAMPLE]
    return Bench(short, put, read, given, mutating(by_suffix), restore)


PARSERS: dict[str, Maker] = {
    "png": _picture("png", partwise(mutations.png_parts, mutations.png_of)),
    "jpeg": _picture("jpeg", partwise(mutations.jpeg_parts, mutations.jpeg_of)),
    "webp": _picture("webp", partwise(mutations.webp_parts, mutations.webp_of)),
    "tiff": _picture("tiff", bytewise),
    "other-formats": _picture("other-formats", bytewise),
    "png-text": png_text,
    "captions": captions,
    "permissions": permissions,
    "terms": terms,
    "recipes": recipes,
    "licences": licences,
    "consents": consents,
    "keys": keys,
    "releases": releases,
    "records": records,
    "tensor-files": tensor_files,
    "cache": cache,
    "snapshots": snapshots,
    "bases": bases,
}
