"""The data of the demo: short clips of synthetic speech, their manifest, and the grammar of what may be said.

The voices are espeak-ng's, never a person's. ``scripts/make_demo_clips.py`` made the clips; their texts and voices were
chosen so that the embedded recognizer, held to ``commands.gram``, gets most of them right and makes each kind of error
at least once. A rate measured here says nothing about real speech.
"""
