"""`python -m growth_assets` is `growth-assets`."""

from growth_assets.cli import main

main()
