"""Small models of random weights, saved to disk by the real classes of `transformers`."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from model_export.export_source import export_foreign
from model_export.sources.huggingface import read_huggingface
from service.demo.products import products

WIDTH, SIZE, PATCH = 32, 32, 8
_BLOCKS = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
_VISION = {"hidden_size": WIDTH, "image_size": SIZE, "patch_size": PATCH, **_BLOCKS}
_TEXT = {"hidden_size": WIDTH, "max_position_embeddings": 16, **_BLOCKS}
_DINO = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 2}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def save_vit(folder: Path) -> None:
    config = hf.ViTConfig(**{**_VISION, "num_hidden_layers": 2})
    _save(folder, hf.ViTModel(config, add_pooling_layer=False))
    hf.ViTImageProcessorPil(size=_square(SIZE)).save_pretrained(folder)


def save_deit(folder: Path) -> None:
    _save(folder, hf.DeiTModel(hf.DeiTConfig(**_VISION), add_pooling_layer=False))
    hf.DeiTImageProcessorPil(size=_square(37), crop_size=_square(SIZE), **IMAGENET).save_pretrained(
        folder
    )


def save_dinov2(folder: Path) -> None:
    """Its positions are for 56 pixels and are used at 32, as the hub's for 518 are at 224."""
    config = hf.Dinov2Config(image_size=56, patch_size=PATCH, **_DINO)
    _save(folder, hf.Dinov2Model(config))
    _save_bit(folder)


def save_dinov2_with_registers(folder: Path) -> None:
    config = hf.Dinov2WithRegistersConfig(
        image_size=56, patch_size=PATCH, num_register_tokens=3, **_DINO
    )
    _save(folder, hf.Dinov2WithRegistersModel(config))
    _save_bit(folder)


def save_dinov3_vit(folder: Path) -> None:
    _save(folder, hf.DINOv3ViTModel(hf.DINOv3ViTConfig(num_register_tokens=2, **_VISION)))
    settings = {
        "image_processor_type": "DINOv3ViTImageProcessorFast",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_center_crop": None,
        "rescale_factor": 1 / 255,
        "resample": 2,
        "size": _square(SIZE),
        **IMAGENET,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def save_swin(folder: Path) -> None:
    """Its second block looks through shifted windows, and the third at merged patches."""
    config = hf.SwinConfig(
        image_size=SIZE, patch_size=4, embed_dim=16, depths=[2, 1], num_heads=[2, 2], window_size=4
    )
    _save(folder, hf.SwinModel(config))
    hf.ViTImageProcessorPil(size=_square(SIZE), resample=3, **IMAGENET).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    tokenizer = _clip_tokenizer()
    text = {**_TEXT, "vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    config = hf.CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=24)
    _save(folder, hf.CLIPModel(config))
    tokenizer.save_pretrained(folder)
    hf.CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size=_square(SIZE)).save_pretrained(
        folder
    )


def save_siglip(folder: Path) -> None:
    """Its tokenizer's own class needs sentencepiece; the file of the fast one is all there is."""
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token="<unk>")
    unigram.train_from_iterator((text.lower() for text in _texts()), trainer)
    unigram.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    text = {**_TEXT, "vocab_size": 320}
    _save(folder, hf.SiglipModel(hf.SiglipConfig(text_config=text, vision_config=_VISION)))
    unigram.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "SiglipTokenizer",
        "pad_token": "</s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "model_max_length": 16,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    hf.SiglipImageProcessorPil(size=_square(SIZE)).save_pretrained(folder)


def save_siglip2(folder: Path) -> None:
    """NaFlex: as many patches as a picture of any shape has, 16 at most."""
    tokenizer = gemma_tokenizer()
    vision = {"hidden_size": WIDTH, "patch_size": PATCH, "num_patches": 36, **_BLOCKS}
    text = {**_TEXT, "vocab_size": len(tokenizer)}
    _save(folder, hf.Siglip2Model(hf.Siglip2Config(text_config=text, vision_config=vision)))
    tokenizer.save_pretrained(folder)
    hf.Siglip2ImageProcessorPil(patch_size=PATCH, max_num_patches=16).save_pretrained(folder)


SAVERS: dict[str, Callable[[Path], None]] = {
    "vit": save_vit,
    "deit": save_deit,
    "dinov2": save_dinov2,
    "dinov2_with_registers": save_dinov2_with_registers,
    "dinov3_vit": save_dinov3_vit,
    "swin": save_swin,
    "clip": save_clip,
    "siglip": save_siglip,
    "siglip2": save_siglip2,
}


def _square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def _save(folder: Path, model: hf.PreTrainedModel) -> None:
    """Save a model that tells pictures apart: freshly made ones hardly do."""
    generator = torch.Generator().manual_seed(17)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.15 * torch.randn(weight.shape, generator=generator))
    model.save_pretrained(folder)


def _save_bit(folder: Path) -> None:
    hf.BitImageProcessorPil(
        size={"shortest_edge": 37}, crop_size=_square(SIZE), **IMAGENET
    ).save_pretrained(folder)


def _texts() -> list[str]:
    return [product.title for product in products(60, seed=3)]


@lru_cache(maxsize=1)
def _clip_tokenizer() -> hf.CLIPTokenizer:
    return hf.CLIPTokenizer().train_new_from_iterator(_texts(), vocab_size=640)


@lru_cache(maxsize=1)
def gemma_tokenizer() -> hf.Siglip2Tokenizer:
    return hf.Siglip2Tokenizer().train_new_from_iterator(_texts(), vocab_size=300)


@lru_cache
def saved_once(root: Path, family: str) -> Path:
    """The model's folder below `root`, made at its first use; not to be changed."""
    folder = root / "models" / family
    folder.mkdir(parents=True)
    torch.manual_seed(0)  # whatever was drawn before it in this process
    SAVERS[family](folder)
    return folder


@lru_cache
def exported_foreign(root: Path, family: str) -> Path:
    """The bundle of the model below `root`, made at its first use; not to be changed."""
    torch.set_num_threads(1)
    bundle = root / "bundles" / family
    export_foreign(bundle, read_huggingface(saved_once(root, family)))
    return bundle
