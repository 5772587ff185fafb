"""Tests of the removal of text about persons and licences."""

import unittest

from data.personal import ADDRESS, cleaned

CODE = "import os\n\n\ndef area(width, height):\n    return width * height\n"


class Personal(unittest.TestCase):
    def test_notices_at_the_top_go(self):
        for notice in (
            "# Copyright (c) 2020 Ada Example\n# Licensed under the MIT licence.\n\n",
            '"""A module.\n\nCopyright 2020 Ada.\nLicense: BSD\n"""\n\n',
            "// SPDX-License-Identifier: MIT\n\n",
            "/*\n * Copyright (C) 2019, Somebody\n */\n\n/* All rights reserved. */\n",
        ):
            self.assertEqual(cleaned(notice + CODE), CODE, notice)
        self.assertEqual(cleaned("#!/usr/bin/env python\n# coding: utf-8\n# (c) 2020 Ada\n" + CODE),
                         "#!/usr/bin/env python\n# coding: utf-8\n" + CODE)

    def test_lines_about_persons_go(self):
        for line in (
            "# Author: Ada Lovelace", " * @author Ada Lovelace <ada@host.org>", ":author: Ada", "__author__ = 'Ada'",
            "// Written by Ada, 1843", "# Maintainer: ada@host.org", "Signed-off-by: Ada <ada@host.org>", 'authors = ["Ada <ada@host.org>"]',
            '    author_email="ada@host.org",', '  "author": "Ada",', "# Copyright (c) 2020 Ada", "#   Ada Lovelace <ada@host.org>",
            "# © 2020 Ada", " * \\author Ada",
        ):
            text = CODE + line + "\n" + CODE
            self.assertEqual(cleaned(text), CODE + CODE, line)

    def test_comments_stay_closed(self):
        self.assertEqual(cleaned("int a;\n/* Written by Ada.\n * It adds. */\n"), "int a;\n/*\n * It adds. */\n")
        self.assertEqual(cleaned("int a;\n/* It adds.\n * @author Ada */\n"), "int a;\n/* It adds.\n */\n")
        self.assertEqual(cleaned("int a;\n/* Written by Ada. */\nint b;\n"), "int a;\nint b;\n")

    def test_addresses_in_code_become_those_of_an_example(self):
        text = cleaned(CODE + 'send("ada.lovelace@host.org", copy=x)\n')
        self.assertEqual(text, CODE + 'send("name@example.com", copy=x)\n')
        self.assertIsNone(ADDRESS.search(text))

    def test_code_stays(self):
        for text in (
            "author = Author.objects.get(pk=1)\n", "@app.route('/')\n", "a = b @ c.T\n", "git clone git@github.com:x/y.git\n",
            "class Author:\n    name: str\n", "def written_by(self):\n", "npm i lodash@4.17.21\n", "x = contact.name\n",
            "send('user@example.org')\n", "copyright_line = read()\n", "fn authors(&self) -> Vec<Author> {\n", "developer(1)\n",
        ):
            self.assertEqual(cleaned(CODE + text), CODE + text)
