"""Pictures of what was measured: values in, an SVG text or the bytes of a PNG out.

``values`` says what is drawn, in words too; ``measured`` makes it of the arrays that a report is made
of; ``drawing`` draws it, and alone needs matplotlib.
"""
