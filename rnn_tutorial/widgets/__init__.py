"""Interactive views over the pictures: each also stands as a still picture where no kernel runs."""
