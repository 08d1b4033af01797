"""`python -m bench.random_vit FOLDER SIZE WIDTH DEPTH`: a ViT of random weights, as shops bring it.

The folder is what `transformers` saves: config.json, model.safetensors, preprocessor_config.json.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import ViTConfig, ViTModel


def write(folder: Path, size: int, width: int, depth: int) -> None:
    """Write the folder; the same arguments give the same weights.

    Args:
        folder: To write, made where it is not there.
        size: Side of the pictures, a multiple of the patches' 16.
        width: A multiple of the heads' 64.
        depth: Blocks.
    """
    torch.manual_seed(0)
    config = ViTConfig(
        image_size=size,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": size, "width": size},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
