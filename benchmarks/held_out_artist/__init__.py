"""How near do styles come to what artists really drew, and what is each choice worth?"""
