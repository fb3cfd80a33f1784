"""Do other tools, given what handstyle writes, compute what was trained?

    python -m benchmarks.other_tools FOLDER --comfyui CHECKOUT --forge CHECKOUT --sd-scripts CHECKOUT

A base of the true shape of Stable Diffusion 1.5 with weights from chance, since every tool tells a base by its shapes.
Styles learn on it for two steps and become the files that a release has; then each tool loads base and files, encodes
the same words and answers the same question to the denoiser, in a process and an environment of its own.
"""
