"""How fast is it, beside diffusers on the same machine?"""
