"""Programs: learners run ``workspace``, the setup cell ``colab``, maintainers all the others."""
