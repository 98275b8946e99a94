"""MSG-GAN (Karnewar and Wang 2020; Østmo 2020, chapters 3 and 4): pictures at every scale, from one latent vector."""
