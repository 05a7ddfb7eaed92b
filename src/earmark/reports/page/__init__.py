"""The report of a run as a page that opens offline: its data, its charts, and the files that it is put together of.

``gathered`` makes the data, ``html`` the page. Nothing here decodes audio, loads a model or asks the network.
"""
