"""The HTML report of a `GeneratorStudy`."""

from __future__ import annotations

from . import pages
from .class_assessment import ALL, ClassAnswers, ClassAssessment
from .generator_results import Distances, GeneratorStudy
from .plots import Point, histogram, line_chart

READING = (
    "Pictures are compared by features that a network sees in them. Distances are 0 for equal distributions; precision "
    "is the share of generated pictures that lie among the real ones, recall the share of real ones that lie among the "
    "generated ones. The row “real half against half” shows what a perfect generator would get from sets of half the "
    "size. Numbers compare only with others of the same extractor, preprocessing and set sizes."
)
OWN_CLASSES = (
    "These features are of a classifier of specimens: they see what tells its classes apart, and may miss what does "
    "not."
)
RECOGNISED = (
    "A classifier that learnt from real pictures alone was asked which class it sees. Beside the generated pictures "
    "stand real ones that it neither learnt from nor was chosen by. In brackets: 95 % intervals (Wilson) for other "
    "pictures of the same origin; “all” counts every picture alike, so that it compares only where the classes have "
    "like shares. Much less than for real ones means that the generator's classes are not the real ones; as often "
    "means that what tells the classes apart is there, not that the pictures are varied or look real: copies of "
    "training pictures are recognised best of all."
)
COPIES = (
    "Each generated picture is compared with every real one and its mirror image, at 32 px, both standardised (root "
    "mean square difference: 0 the same, about 1.41 unrelated). The dashed line is the distance below which one real "
    "picture in a hundred comes to another real one; more than 1 % of generated pictures below it are copies."
)
WALKS = (
    "Between pairs of random pictures the generator draws what lies between. Where all change happens in one step, it "
    "jumps between pictures that it knows by heart: largest over mean step is then near the number of steps; 1 is "
    "perfectly even."
)
GRID = (
    "Upsampling may leave a fine grid, which shows as sharp peaks of the spectrum of pictures or of their gradients. "
    "Strength is a peak over its surroundings; more than 10 is reported. If the real pictures have it too, the camera "
    "or the file format made it."
)
EPOCHS = (
    "Mean squared difference of pictures of the same seeds from one preview to the next, over their variance: 0 for no "
    "change, 2 for unrelated pictures. It tells when a generator has settled, not whether it is good."
)
_HEADS = (
    "",
    "real",
    "other",
    "Fréchet",
    "KID ·10³",
    "KID ·10³ of subsets, mean ± deviation",
    "precision",
    "recall",
)


def html(study: GeneratorStudy) -> str:
    """Return the document."""
    name = str(study.generator["name"])
    counts = study.distances
    lead = f"{name}: {counts.fake} generated and {counts.real} real pictures. Made {study.time}."
    body = [
        pages.warnings(study.warnings),
        pages.section("Distributions", pages.paragraph(READING), _features(study), _distances(study)),
    ]
    if study.recognised is not None:
        body.append(_recognised(study, study.recognised))
    if study.inception is not None:
        body.append(_inception(study))
    if study.copies is not None:
        body.append(_copies(study))
    if study.walks is not None:
        w = study.walks
        rows = [[w.walks, w.steps, w.length, w.evenness, w.sharpest]]
        heads = ["walks", "steps of each", "mean length", "largest / mean step", "of the most uneven walk"]
        said = (pages.paragraph(WALKS), pages.paragraph(f"Measured in features: {w.encoder}."))
        body.append(pages.section("Walks", *said, pages.table(heads, rows), pages.command(study.command)))
    if study.grid is not None:
        g = study.grid
        heads = ["grid found", "period, px", "strength, generated", "strength, real"]
        table = pages.table(heads, [["yes" if g.found else "no", g.period, g.generated, g.real]])
        body.append(pages.section("Grid", pages.paragraph(GRID), table, pages.command(study.command)))
    if study.epochs is not None:
        body.append(_epochs(study))
    for key, title in (("generated", "Generated pictures"), ("real", "Real pictures")):
        if key in study.sheets:
            how = "as they are" if study.photographs else "each in its own grey range"
            caption = f"{title}, not chosen; {how}."
            body.append(pages.section(title, pages.figure(study.sheets[key], caption, study.command)))
    known = {
        "generator": study.generator,
        "files of real pictures": study.movies,
        "extractor": study.extractor,
        "preprocessing": study.preprocessing,
    }
    body.append(pages.section("Provenance", pages.provenance(study, known)))
    return pages.page("How good are the generated pictures?", lead, body)


def _features(study: GeneratorStudy) -> str:
    said = pages.paragraph(f"Extractor: {study.extractor}. Preprocessing: {study.preprocessing}.")
    return said + (pages.paragraph(OWN_CLASSES) if study.recognised is not None else "")


def _distances(study: GeneratorStudy) -> str:
    rows = [_row("generated against real", study.distances)]
    if study.reference is not None:
        rows.append(_row("real half against half", study.reference))
    halves = (
        f"Fréchet distance between random halves of the real pictures, 50 times: {study.halves.mean:.4g} ± "
        f"{study.halves.deviation:.2g}. This is what sampling alone gives, an upper bound of the bias. KID has none; "
        f"the deviation of its {study.distances.kid_subsets} random subsets is that of sets of "
        f"{study.distances.kid_size} pictures."
    )
    return pages.table(_HEADS, rows, [True]) + pages.command(study.command) + pages.paragraph(halves)


def _row(name: str, d: Distances) -> list[object]:
    subsets = f"{1000 * d.kid_mean:.4g} ± {1000 * d.kid_deviation:.2g}"
    return [name, d.real, d.fake, d.frechet, 1000 * d.kid, subsets, d.precision, d.recall]


def _inception(study: GeneratorStudy) -> str:
    assert study.inception is not None
    said = f"Class probabilities by: {study.inception_network}. The score rewards sure and varied classes."
    table = pages.table(["mean", "deviation over parts"], [[study.inception.mean, study.inception.deviation]])
    return pages.section("Inception score", pages.paragraph(said), table, pages.command(study.command))


def _recognised(study: GeneratorStudy, found: ClassAssessment) -> str:
    both = {"generated": found.generated, "real, not seen": found.real}
    answers = {what: one for what, one in both.items() if one is not None}
    parts = [pages.paragraph(found.judgement), pages.paragraph(RECOGNISED)]
    known = {what: one for what, one in answers.items() if one.right}  # where the true classes are known
    heads = ["class", *(f"{what}: {head}" for what in known for head in ("pictures", "named right, %"))]
    rows: list[list[object]] = []
    for name in [*found.generated.called, ALL]:
        cells = [cell for one in known.values() for cell in _right(one, name)]
        if any(cell is not None for cell in cells):
            rows.append([name, *cells])
    if rows:
        parts.append(pages.table(heads, rows, [row[0] == ALL for row in rows]))
    called = list(found.generated.called)
    told = [
        [f"{what}, {name}", *line.values()]
        for what, one in answers.items()
        for name, line in (one.confusion or {"any class": one.called}).items()
    ]
    parts.append(pages.table(["is \\ called", *called], told))
    parts += [pages.facts(found.classifier), pages.command(study.command)]
    return pages.section("What a classifier sees in them", *parts)


def _right(answers: ClassAnswers, name: str) -> tuple[object, object]:
    """Return the pictures of a class, and how many percent of them are named right."""
    right = answers.right.get(name)
    if right is None:
        return None, None
    shown = pages.interval(right.value, right.low, right.high, 100)
    return answers.counts.get(name, answers.pictures), shown


def _copies(study: GeneratorStudy) -> str:
    c = study.copies
    assert c is not None
    drawn = histogram(
        "Distance to the nearest real picture", [("generated", c.nearest), ("real, to another", c.real)],
        "root mean square difference", c.threshold,
    )  # fmt: skip
    heads = ["below the line", "the line", "smallest distance", "median distance"]
    parts = [
        pages.paragraph(COPIES),
        pages.charts(drawn),
        pages.table(heads, [[f"{100 * c.share:.2g} %", c.threshold, c.smallest, c.median]]),
        pages.command(study.command),
    ]
    if "nearest" in study.sheets:
        caption = "The generated pictures nearest to a real one (above), and these real ones (below)."
        parts.append(pages.figure(study.sheets["nearest"], caption, study.command))
    return pages.section("Copies of real pictures", *parts)


def _epochs(study: GeneratorStudy) -> str:
    assert study.epochs is not None
    places = [float(step) if step.isdigit() else k for k, step in enumerate(study.epochs["steps"])]
    series = [
        (f"{side} px", [Point(x, v) for x, v in zip(places, values, strict=True)])
        for side, values in list(study.epochs["change"].items())[:6]
    ]
    drawn = line_chart("Change at fixed seeds", series, "training step", "squared change / variance")
    return pages.section(
        "From preview to preview", pages.paragraph(EPOCHS), pages.charts(drawn), pages.command(study.command)
    )
