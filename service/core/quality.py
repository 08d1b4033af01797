"""What a catalogue's pictures say against it: findings, as they are reported and shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """What counts as a finding.

    Attributes:
        field: Whose values are compared with those of the neighbours.
        placeholder_products: A picture under so many products of different labels stands for none.
        least_share: Of a picture's neighbours that must agree on one other label, 0-1.
        most_own: Share of them that may have its own.
        least_surprise: How unusual that must be for the label (`pipeline/label_votes.py`).
    """

    field: str = "category"
    placeholder_products: int = 5
    least_share: float = 0.4
    most_own: float = 0.1
    least_surprise: float = 4.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a product, and what its catalogue says of it."""

    product_id: str
    image_id: str
    title: str
    label: str


@dataclass(frozen=True, slots=True)
class Shared:
    """One picture, as it is or encoded anew, with all the products that have it.

    Attributes:
        shown: Each product with each of its copies.
        products: How many different ones.
        labels: How many different values of the field they have.
        exact: Whether all copies are the same bytes.
    """

    shown: tuple[Shown, ...]
    products: int
    labels: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A product whose picture is among those of another label.

    Attributes:
        shown: Its picture that disagrees most.
        suspected: The label that its neighbours have.
        share: Of them that have it, 0-1.
        own: Of them that have the product's own label, 0-1.
        surprise: Mean over the product's pictures, those that agree counted as 0.
        pictures: How many of its pictures disagree.
        of: How many could be judged.
        evidence: Nearest pictures that have the suspected label.
    """

    shown: Shown
    suspected: str
    share: float
    own: float
    surprise: float
    pictures: int
    of: int
    evidence: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """All findings about one version of the index, the worst of each kind first.

    Attributes:
        pictures: Different ones.
        without_picture: Products of the catalogue of which no picture has a vector; `image_id` is
            "" where there is none at all.
        without_thumbnail: Pictures that have no small picture to look at.
        blank: Pictures on which nothing is to be seen.
        placeholders: Pictures under many products of different labels.
        shared: Other pictures under several products.
        judged: Pictures whose neighbours could be asked about the field.
        disagreements: Products whose pictures are among those of another label.
    """

    version: int
    built_at: str
    bundle: str
    field: str
    products: int
    pictures: int
    without_picture: tuple[Shown, ...]
    without_thumbnail: tuple[Shown, ...]
    blank: tuple[Shared, ...]
    placeholders: tuple[Shared, ...]
    shared: tuple[Shared, ...]
    judged: int
    disagreements: tuple[Disagreement, ...]
