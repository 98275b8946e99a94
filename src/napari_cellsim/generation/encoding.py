"""Look-alikes of guide pictures: the guidance encoder's answer, and its refinement by projection."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Clock, Event, JobToken, hash_array, run
from ..data.regions import Region
from .batches import draw_job, in_batches, in_units
from .events import RefinementReady
from .generated import Generated
from .likeness import likeness, psnr
from .matching import match_guides, standardised
from .points import points_of
from .seeds import Noise, check_seed, noise_seeds

if TYPE_CHECKING:
    from ..models import Model
    from .renderer import Renderer

Space = Literal["w", "w+"]
# Projection follows so many samples beside the given start, unless there are fewer steps than this.
_OTHERS, _SEARCHED = 3, 100


def encode(model: Model | str | Path, images: Any, **options: Any) -> Generated:
    """Find the latents whose pictures look like guide pictures.

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN or an autoencoder, or the name or file of one.
    images : TimeLapse or anything that `open_timelapse` reads
        The guides, see `match_guides`.
    **options
        As for `encode_job`, such as ``refine_steps=200``.

    Returns
    -------
    Generated
        One look-alike per guide; PSNR and SSIM stand in its records, what was done to the guides in its notes.

    Raises
    ------
    CellSimError
        With one sentence, if something about the input is wrong.
    """
    return run(encode_job(model, images, **options))


def encode_job(
    model: Model | str | Path,
    images: Any,
    *,
    at: int | Sequence[int] | None = None,
    channel: int = 0,
    plane: int = 0,
    regions: Sequence[Region] | None = None,
    pixel_size: float | None = None,
    space: Space | None = None,
    refine_steps: int = 0,
    noise: Noise = "none",
    seed: int = 0,
    device: str = "auto",
    token: JobToken | None = None,
) -> Generator[Event, None, Generated]:
    """Encode as a job: yields progress and pictures, returns what `encode` returns.

    Parameters
    ----------
    model, images
        See `encode`.
    at, channel, plane, regions, pixel_size
        See `match_guides`.
    space : {"w", "w+"}, optional
        One latent for the whole generator, or one per slot; W+ if not given, W for an autoencoder.
    refine_steps : int
        Steps of projection after the encoder's answer; a model without an encoder needs them.
    noise, seed
        Noise maps of the look-alikes, see `generate`; the projection keeps them.
    device, token
        As for `generate_job`.

    Yields
    ------
    Progress, PicturesReady or RefinementReady
    """
    _check_steps(refine_steps, least=0)
    check_seed(seed)
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    check_guidable(renderer.model)
    space = _space(renderer, space)
    if not _has_encoder(renderer) and not refine_steps:
        raise CellSimError(
            f"Model {renderer.model.name!r} has no guidance encoder; refine from its mean picture (refine_steps, such "
            "as 200), or choose a model that has one."
        )
    guides = match_guides(
        images, renderer.model, at=at, channel=channel, plane=plane, regions=regions, pixel_size=pixel_size
    )
    notes = list(guides.notes)
    latents, start = _first_answer(renderer, guides.standardised, space, notes)
    seeds = noise_seeds(noise if renderer.styled else "none", seed, len(latents))
    drawn = yield from draw_job(renderer, latents, seeds, guides.intensity)
    config: dict[str, Any] = {
        "space": space,
        "refine_steps": 0,
        "noise": noise,
        "seed": seed,
        "at": at,
        "channel": channel,
    }
    config |= {"plane": plane, "regions": regions, "pixel_size": pixel_size, "truncation": 1.0}
    facts = renderer.facts() | {"interval": guides.interval or renderer.facts()["interval"]}
    result = Generated(
        images=drawn,
        latents=latents,
        noise_seeds=seeds,
        intensity=guides.intensity,
        guides=guides.images,
        kind="guided",
        name=f"{guides.name} look-alike",
        channel_names=guides.channel_names,
        records=tuple(
            record | {"start": start, "steps": 0} | likeness(image, guide, "_before") | likeness(image, guide)
            for record, image, guide in zip(guides.records, drawn, guides.images, strict=True)
        ),
        provenance=renderer.provenance(config, notes) | {"input": {"hash": hash_array(guides.images)}},
        **facts,
    )
    if refine_steps:
        result = yield from _refine(renderer, result, space, refine_steps, seed)
    return result


def project(
    model: Model | str | Path, generated: Generated, *, steps: int = 200, **options: Any
) -> Generated:
    """Bring look-alikes nearer to their guides by optimising their latents.

    Parameters
    ----------
    model : Model, str or Path
        The model that made them.
    generated : Generated
        What `encode` returned: it holds the guides.
    steps : int
        Steps of Adam per picture, at least 1.
    **options
        As for `project_job`.

    Returns
    -------
    Generated
        Never with a higher loss than before; its records hold PSNR and SSIM before and after.

    Raises
    ------
    CellSimError
        If there are no guides, or the model does not fit.

    Notes
    -----
    Image2StyleGAN (Abdal, Qin and Wonka, ICCV 2019), with squared error, gradients on several scales and features of
    the model's own discriminator where it holds one; the provenance says which. A start's first fifth of
    the steps compares reduced pictures only, coarse to fine. From 100 steps on, three random pictures of a style
    generator, those with the layout most like the guide's, are starts too, which takes about twice as long; the one
    that is best after a third of its way goes on alone. The record's ``start`` says which it was: "encoder", "mean" or
    "sample".
    """
    return run(project_job(model, generated, steps=steps, **options))


def project_job(
    model: Model | str | Path,
    generated: Generated,
    *,
    steps: int = 200,
    space: Space | None = None,
    seed: int = 0,
    device: str = "auto",
    token: JobToken | None = None,
) -> Generator[Event, None, Generated]:
    """Project as a job: yields progress and the best look-alikes so far, returns what `project` returns.

    Parameters
    ----------
    model, generated, steps
        See `project`.
    space : {"w", "w+"}, optional
        Where to move; W+ if not given, W for an autoencoder.
    seed : int
        Seed of the noise on the latents.
    device, token
        As for `generate_job`.

    Yields
    ------
    Progress or RefinementReady
    """
    _check_steps(steps, least=1)
    check_seed(seed)
    if generated.guides is None:
        raise CellSimError(
            f"The pictures of {generated.name!r} have no guides to come nearer to; encode a guide picture first."
        )
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    check_guidable(renderer.model)
    points = points_of(renderer, generated)
    if generated.images.shape[1:] != (renderer.frames, renderer.channels, renderer.size, renderer.size):
        raise CellSimError(
            f"The guides of {generated.name!r} do not have the size, frames or channels of model "
            f"{renderer.model.name!r}; encode them again."
        )
    space = _space(renderer, space)
    if space == "w" and points.latents.shape[1] > 1:
        raise CellSimError(
            f"The latents of {generated.name!r} differ from slot to slot, so they cannot be refined in W: choose W+."
        )
    return (yield from _refine(renderer, generated, space, steps, seed))


def _check_steps(steps: int, least: int) -> None:
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < least:
        raise CellSimError(
            f"The number of refinement steps is {steps}; it must be a whole number of at least {least}."
        )


def check_guidable(model: Model) -> None:
    """Raise one sentence if a model cannot look for a guide picture in its latent space.

    Raises
    ------
    CellSimError
        Naming the model.
    """
    if model.kind == "msggan":
        raise CellSimError(
            f"Model {model.name!r} is an MSG-GAN, which has no guidance encoder and no W to project into, so "
            "it cannot be guided by a picture; choose a Cell-GAN or an autoencoder."
        )


def _space(renderer: Renderer, space: Space | None) -> Space:
    if space is None:
        return "w+" if renderer.styled else "w"
    if space not in ("w", "w+"):
        raise CellSimError(f"The latent space is {space!r}; choose w or w+.")
    if space == "w+" and not renderer.styled:
        raise CellSimError(
            f"Model {renderer.model.name!r} is an autoencoder, whose one code has no slots: choose space w."
        )
    return space


def _has_encoder(renderer: Renderer) -> bool:
    return not renderer.styled or "encoder" in renderer.model.networks


def _first_answer(
    renderer: Renderer, guides: NDArray[np.float32], space: Space, notes: list[str]
) -> tuple[NDArray[np.float32], str]:
    """Return latents (N, L, D) of standardised guides and what they come from, "encoder" or "mean"."""
    if not _has_encoder(renderer):
        notes.append(
            f"Model {renderer.model.name!r} has no guidance encoder; projection starts at its mean picture."
        )
        latents = np.tile(renderer.mean()[0], (len(guides), 1, 1))
        return renderer.expand(latents) if space == "w+" else latents, "mean"
    plus = space == "w+" and bool(renderer.encoder.config.plus)
    if space == "w+" and not plus:
        notes.append(
            f"The guidance encoder of {renderer.model.name!r} answers in W only; each slot starts with the same latent."
        )

    def answer(part: slice) -> NDArray[np.float32]:
        return renderer.encode(guides[part], plus)

    parts = in_batches(answer, len(guides), renderer.batch, renderer.device, renderer.token)
    latents = np.concatenate([found for _, found in parts])
    return renderer.expand(latents) if space == "w+" else latents, "encoder"


def _starts(
    renderer: Renderer,
    latents: NDArray[np.float32],
    targets: NDArray[np.float32],
    alone: Sequence[bool],
    count: int,
    seed: int,
) -> list[NDArray[np.float32]]:
    """Return for each target where projection starts (n, L, D): its latent, and samples like it unless it is alone."""
    own = [latents[i : i + 1] for i in range(len(latents))]
    if not renderer.styled or all(alone):
        return own
    from .starts import Samples

    samples = Samples(renderer, count, seed)
    for i, target in enumerate(targets):
        if not alone[i]:
            others = np.repeat(samples.nearest(target, _OTHERS), latents.shape[1], axis=1)
            own[i] = np.concatenate([own[i], others])
    return own


def _refine(
    renderer: Renderer, result: Generated, space: Space, steps: int, seed: int
) -> Generator[Event, None, Generated]:
    from .projection import project_steps, scouting

    assert result.guides is not None
    assert result.intensity is not None
    targets = standardised(result.guides, result.intensity)
    done = [int(record.get("steps", 0)) for record in result.records] or [0] * len(result)
    # What was refined before is near already; and a few steps are too few for several starts.
    alone = [steps < _SEARCHED or bool(before) for before in done]
    starts = _starts(renderer, result.latents, targets, alone, steps // 2, seed)
    total = sum(steps + (len(own) - 1) * scouting(steps) for own in starts)
    clock, images, latents, records = Clock(total, "Step"), [], [], []
    yield clock.progress()
    for i, guide in enumerate(result.guides):
        seeds = np.random.SeedSequence((seed, i)).generate_state(1)
        own = renderer.expand(starts[i]) if space == "w+" else starts[i]
        looks = project_steps(renderer, targets[i], own, int(result.noise_seeds[i]), steps, int(seeds[0]))
        losses = []
        for look in looks:
            losses.append(look.loss)
            latent = look.latent
            if look.picture is not None:
                image = in_units(look.picture[None], result.intensity[i : i + 1])[0]
                yield RefinementReady(i, look.step, image, psnr(image, guide))
            yield clock.progress(min(look.step, 1))
        images.append(image)
        latents.append(latent)
        before = likeness(result.images[i], guide, "_before")
        old = result.records[i] if result.records else {}
        more: dict[str, Any] = {"steps": done[i] + steps, "loss_before": losses[0], "loss": losses[-1]}
        if look.start:
            more["start"] = "sample"
        records.append(old | before | likeness(image, guide) | more)
    config = result.provenance.get("config", {}) | {
        "space": space,
        "refine_steps": steps,
        "refine_seed": seed,
    }
    terms = ["mean squared error", "gradients on 4 scales"]
    if "discriminator" in renderer.model.networks:
        terms.append("discriminator features")
    return replace(
        result,
        images=np.stack(images),
        latents=np.stack(latents),
        z=None,
        kind="guided",
        records=tuple(records),
        provenance={
            **result.provenance,
            **renderer.provenance(config, result.notes),
            "loss": terms,
        },
    )
