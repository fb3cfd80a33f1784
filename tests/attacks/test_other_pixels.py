"""Is a consent for some pictures refused for others that nearly look like them?"""

from __future__ import annotations

from collections.abc import Callable

from consents import TODAY
from PIL import Image, ImageOps
from tests.attacks.scene import Attack, Scene, each

from handstyle.collection import intake, permission
from handstyle.collection.rights_plan import from_consents


def exchanged(change: Callable[[Image.Image], Image.Image]) -> Callable[[Scene], object]:
    """Signed for; then the drawing is another one, in a file of the same name and format."""

    def attempt(scene: Scene) -> object:
        data = scene.consent().data
        change(Image.open(scene.work).convert("RGB")).save(scene.work)
        return scene.collect(data)

    return attempt


def one_pixel(image: Image.Image) -> Image.Image:
    red, green, blue = image.getpixel((3, 3))  # type: ignore[misc]
    image.putpixel((3, 3), (red ^ 1, green, blue))
    return image


def saved_as(ending: str, **how: object) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        data = scene.consent().data
        Image.open(scene.work).save(scene.work.with_suffix(ending), **how)
        scene.work.unlink()
        return scene.collect(data)

    return attempt


def one_more(scene: Scene) -> object:
    data = scene.consent().data
    Image.new("RGB", (32, 24), "green").save(scene.folder / "one-more.png")
    return scene.collect(data)


def after_collecting(scene: Scene) -> object:
    collection = scene.collect(scene.consent().data)
    one_pixel(Image.open(scene.work).convert("RGB")).save(scene.work)
    with permission.naming_the_holder(collection):
        return [intake.load_work(scene.folder, work) for work in collection.works]


def decoded_otherwise(scene: Scene) -> object:
    """The very file, on another page: what is transparent has other pixels."""
    Image.new("RGBA", (32, 24), (255, 0, 0, 90)).save(scene.work)
    given = from_consents([scene.file(scene.consent().data)])
    collection = intake.collect(scene.folder, rights=given, background="black", validation=None, on=TODAY)
    with permission.naming_the_holder(collection):
        return [intake.load_work(scene.folder, work, "white") for work in collection.works]


def in_the_record(scene: Scene) -> object:
    given = scene.consent()
    collection, _ = scene.kept(given)
    other = collection.works[0].model_copy(update={"file_sha256": "0" * 64, "pixels_sha256": "1" * 64})
    edited = collection.model_copy(update={"works": (other, *collection.works[1:])})
    return permission.kept(edited, scene.place / "workspace")


NO = "no consent names its file or its pixels"
IN_THE_LOADER = "is for the file that was collected (clause: works)"
ATTACKS = [
    Attack(34, "one pixel is changed by one step", exchanged(one_pixel), NO),
    Attack(35, "the drawing is resized", exchanged(lambda image: image.resize((64, 48))), NO),
    Attack(36, "the drawing is resized there and back",
           exchanged(lambda image: image.resize((64, 48)).resize((32, 24))), NO),
    Attack(37, "the drawing is mirrored", exchanged(ImageOps.mirror), NO),
    Attack(38, "the drawing is turned", exchanged(lambda image: image.rotate(180)), NO),
    Attack(39, "the drawing is cut by a column", exchanged(lambda image: image.crop((0, 0, 31, 24))), NO),
    Attack(40, "the drawing is made brighter",
           exchanged(lambda image: image.point(lambda value: min(255, value + 1))), NO),
    Attack(41, "the drawing is saved with loss", saved_as(".jpg", quality=95), NO),
    Attack(42, "the drawing is saved with little loss, as WebP", saved_as(".webp", quality=99), NO),
    Attack(43, "a further drawing is slipped in", one_more, "one-more.png: no consent names"),
    Attack(44, "a work is exchanged after it was collected", after_collecting, IN_THE_LOADER),
    Attack(45, "the very file is decoded to other pixels", decoded_otherwise, IN_THE_LOADER),
    Attack(46, "the record of a collection names other works", in_the_record, "neither its file nor its pixels"),
    Attack(47, "a release claims the consent for another work", lambda s: s.edited(
        "collection.json", lambda it: it["works"][0].update(file_sha256="0" * 64, pixels_sha256="0" * 64)
    ), "does not name 1 of the 2 works"),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)


def test_the_same_pixels_in_another_file_are_what_was_signed_for(scene: Scene) -> None:
    assert saved_as(".tiff")(scene)
