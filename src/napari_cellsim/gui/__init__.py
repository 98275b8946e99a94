"""Everything that needs napari or Qt: docks, jobs, reader, writer, sample data.

Nothing is imported here: napari's manifest names the modules it needs, and opening a dock must not import torch.
"""
