"""Installed packages -> what a function needs of them. What is taken out is tried out, and put back where something breaks.

Which module answers which question, in the order of the flow:

    what does the project say, and its code name?    wish
    what did its models teach before?                memory
    who drives the rest, and what is written down?   slimming: when the part `dependencies` is made
    what is installed, and which package's is it?    installed
    what may go, why, and when must it not?          cuts/, one file each; what all have in common: cut
    what of that goes?                               selecting: not what a module names (mentions), nor what it opens (opened)
    does what is left import?                        imports_left reads it; importing runs it, by import_packages in the target's Python
    do the models answer the same bits?              models: once for each project and its models
    what breaks something, and is put back?          removal
    how do packages find their own files?            listing
    whose is a file, once the packages are gone?     owners
    what takes the room, and what was left out?      spaces

A build that changes nothing imports wish and memory only.
"""
