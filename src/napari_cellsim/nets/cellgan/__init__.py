"""Cell-GAN (Reich 2020, chapter 5): style generator, mapping network, U-Net discriminator, guidance encoder."""
