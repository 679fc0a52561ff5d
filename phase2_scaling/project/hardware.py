"""What accelerators can do, by their makers' datasheets.

Rates are of dense matrix products in bfloat16 (float16 on those that have none), not the doubled
ones for sparse matrices. A link's rate is that of one direction, half of what datasheets add up.
Memory is in 10^9 bytes. The network is that of the maker's reference server, each GPU's share;
cards without one are given a server of eight with 100 Gbit/s, which is an assumption, and so is
every price: rent for an hour, as a round number. Say your own with `--price`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class GPU:
    """One accelerator in the server that it usually comes in."""

    name: str
    """with its form"""
    peak_flops: float
    """operations a second"""
    memory_bytes: float
    """of its own memory"""
    memory_bytes_per_s: float
    """between that memory and the chip"""
    link_bytes_per_s: float
    """to another GPU of its server, one direction"""
    network_bytes_per_s: float
    """to another server, one direction"""
    dollars_per_hour: float
    """assumed"""
    source: str
    """of all but the price"""
    gpus_per_node: int = 8
    """in a server"""


ETHERNET = 100e9 / 8 / 8  # 100 Gbit/s for eight GPUs, assumed
PCIE_3, PCIE_4 = 16e9, 32e9  # sixteen lanes, one direction

GPUS = {
    "t4": GPU(
        "T4",
        peak_flops=65e12,
        memory_bytes=16e9,
        memory_bytes_per_s=320e9,
        link_bytes_per_s=PCIE_3,
        network_bytes_per_s=ETHERNET,
        dollars_per_hour=0.35,
        source="NVIDIA T4 datasheet (2019); float16, network assumed",
    ),
    "v100": GPU(
        "V100 SXM2 32 GB",
        peak_flops=125e12,
        memory_bytes=32e9,
        memory_bytes_per_s=900e9,
        link_bytes_per_s=150e9,
        network_bytes_per_s=6.25e9,
        dollars_per_hour=1.0,
        source="NVIDIA V100 datasheet (2020), float16; DGX-1 datasheet: 4 x 100 Gbit/s for eight",
    ),
    "a100": GPU(
        "A100 SXM 80 GB",
        peak_flops=312e12,
        memory_bytes=80e9,
        memory_bytes_per_s=2039e9,
        link_bytes_per_s=300e9,
        network_bytes_per_s=25e9,
        dollars_per_hour=1.8,
        source="NVIDIA A100 datasheet (2021); DGX A100 datasheet: 8 x 200 Gbit/s",
    ),
    "h100": GPU(
        "H100 SXM",
        peak_flops=989e12,
        memory_bytes=80e9,
        memory_bytes_per_s=3350e9,
        link_bytes_per_s=450e9,
        network_bytes_per_s=50e9,
        dollars_per_hour=3.0,
        source="NVIDIA H100 datasheet (2023), 1,979 sparse; DGX H100 datasheet: 8 x 400 Gbit/s",
    ),
    "h200": GPU(
        "H200 SXM",
        peak_flops=989e12,
        memory_bytes=141e9,
        memory_bytes_per_s=4800e9,
        link_bytes_per_s=450e9,
        network_bytes_per_s=50e9,
        dollars_per_hour=3.5,
        source="NVIDIA H200 datasheet (2024), 1,979 sparse; DGX H200 datasheet: 8 x 400 Gbit/s",
    ),
    "b200": GPU(
        "B200 SXM",
        peak_flops=2250e12,
        memory_bytes=180e9,
        memory_bytes_per_s=8000e9,
        link_bytes_per_s=900e9,
        network_bytes_per_s=50e9,
        dollars_per_hour=5.0,
        source="NVIDIA DGX B200 datasheet (2024), an eighth of 36 PFLOP/s sparse; 8 x 400 Gbit/s",
    ),
    "l40s": GPU(
        "L40S",
        peak_flops=362e12,
        memory_bytes=48e9,
        memory_bytes_per_s=864e9,
        link_bytes_per_s=PCIE_4,
        network_bytes_per_s=ETHERNET,
        dollars_per_hour=1.0,
        source="NVIDIA L40S datasheet (2023), 733 sparse; network assumed",
    ),
    "4090": GPU(
        "GeForce RTX 4090",
        peak_flops=165e12,
        memory_bytes=24e9,
        memory_bytes_per_s=1008e9,
        link_bytes_per_s=PCIE_4,
        network_bytes_per_s=ETHERNET,
        dollars_per_hour=0.4,
        source="NVIDIA Ada whitepaper (2022), sums in float32; PCIe, no NVLink; network assumed",
    ),
    "mi300x": GPU(
        "MI300X",
        peak_flops=1307e12,
        memory_bytes=192e9,
        memory_bytes_per_s=5300e9,
        link_bytes_per_s=448e9,
        network_bytes_per_s=50e9,
        dollars_per_hour=3.0,
        source="AMD Instinct MI300X datasheet (2023): 896 GB/s over seven links; network assumed",
    ),
}


def find(name: str) -> GPU:
    """The accelerator of a name such as "h100".

    Raises:
        ValueError: if there is none.
    """
    if name.lower() not in GPUS:
        raise ValueError(f"gpu must be one of {', '.join(GPUS)}, got {name!r}")
    return GPUS[name.lower()]
