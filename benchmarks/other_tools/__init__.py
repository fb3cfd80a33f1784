"""Do other tools, given what handstyle writes, compute what was trained?

    python -m benchmarks.other_tools FOLDER --family stable-diffusion-1 --comfyui CHECKOUT --sd-scripts CHECKOUT

A base of the true shape with weights from chance, since every tool tells a base by its shapes. Styles learn on it for
two steps and go through the six verbs to a release; then each tool loads the base and the release's own files, encodes
the same words and answers the same question to the denoiser, in a process and an environment of its own.
"""
