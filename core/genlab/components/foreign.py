"""Other people's names of settings, and what they are called here."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NAMES", "called_here"]

NAMES: Mapping[str, tuple[str, ...]] = {
    "backbone": ("arch", "architecture", "model", "net", "network"),
    "backbone.channels": ("base_channels", "dim", "dim_mults", "hidden_channels", "model_channels"),
    "data": ("data_dir", "data_path", "data_root", "root"),
    "dataset": ("data_set", "datasets"),
    "degradation": ("corruption", "forward_process", "noise_process"),
    "degradation.beta_max": ("beta_end",),
    "degradation.beta_min": ("beta_start",),
    "degradation.schedule": ("beta_schedule", "noise_schedule"),
    "device": ("accelerator", "cuda", "gpu"),
    "evaluation": ("eval", "validation"),
    "evaluation.times": ("eval_every", "eval_interval", "eval_steps"),
    "metrics": ("metric",),
    "figures": ("figure", "plots"),
    "objective": ("criterion",),
    "objective.cross_entropy": ("cross_entropy",),
    "objective.label_dropout": (
        "cfg_dropout", "class_dropout_prob", "cond_drop_prob", "label_dropout", "p_uncond",
    ),
    "objective.likelihood": ("likelihood",),
    "objective.loss": ("loss", "loss_fn", "loss_type"),
    "objective.terminal": ("terminal",),
    "objective.weight": ("loss_weight", "loss_weighting", "snr_gamma"),
    "optimiser": ("optim", "optimizer"),
    "optimiser.betas": ("adam_betas", "betas"),
    "optimiser.lr": ("alpha", "learning_rate", "learningrate", "lr", "max_lr"),
    "optimiser.weight_decay": ("wd", "weight_decay"),
    "restorer.jitter": ("jitter",),
    "restorer.prediction": (
        "mean_type", "parameterization", "pred_type", "prediction", "prediction_type",
    ),
    "sampler": ("noise_scheduler", "solver"),
    "sampling": ("generation", "inference", "sample"),
    "sampling.count": ("n_samples", "num_samples", "samples"),
    "sampling.guidance": ("cfg", "cfg_scale", "guidance", "guidance_scale"),
    "sampling.steps": (
        "inference_steps", "nfe", "num_inference_steps", "sample_steps", "sampler.steps",
        "sampling_steps", "sampling_timesteps",
    ),
    "seed": ("manual_seed", "random_seed", "random_state", "rng_seed", "seed"),
    "training": ("train", "trainer"),
    "training.batch": ("batch", "batch_size", "batchsize", "bs", "train_batch_size"),
    "training.clip": (
        "clip", "clip_grad", "clip_norm", "grad_clip", "gradient_clip_val", "max_grad_norm",
    ),
    "training.conditional": ("class_cond", "class_conditional", "conditional"),
    "training.decay": ("decay", "lr_schedule", "lr_scheduler", "scheduler"),
    "training.ema": ("ema", "ema_decay", "ema_rate"),
    "training.epochs": (
        "epoch", "epochs", "max_epochs", "n_epochs", "num_epochs", "num_train_epochs",
    ),
    "training.flip": ("flip", "hflip", "horizontal_flip", "random_flip"),
    "training.log_every": ("log_every", "log_every_n_steps", "log_interval", "logging_steps"),
    "training.minutes": ("max_time", "minutes", "time_limit"),
    "training.precision": ("amp", "dtype", "fp16", "mixed_precision", "precision"),
    "training.save_every": ("save_every", "save_interval", "save_steps"),
    "training.shift": ("random_crop", "shift"),
    "training.steps": (
        "iterations", "iters", "max_steps", "max_train_steps", "n_iters", "num_iterations",
        "num_steps", "num_train_steps", "steps", "total_steps", "train_steps",
    ),
    "training.warmup": ("lr_warmup", "num_warmup_steps", "warmup", "warmup_ratio", "warmup_steps"),
}  # fmt: skip
"""Foreign names by what they are called here; a dot says for which table alone one is meant."""

_HERE = {foreign: ours for ours, names in NAMES.items() for foreign in names}


def called_here(where: str, key: str) -> str | None:
    """Return what a setting of another name, or one that stands in another table, is called here.

    Args:
        where: The table that it was looked for in; empty for none.
        key: The name that was looked for.
    """
    name = key.lower().replace("-", "_")
    found = _HERE.get(f"{where}.{name}") or _HERE.get(name)
    return None if found == f"{where}.{key}".strip(".") else found
