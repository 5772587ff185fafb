; All files of a folder are one module.
