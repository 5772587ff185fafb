//! Every language on the sample of it in `fixtures/languages`: it parses without errors, and each query finds there what
//! a reader would.

use std::path::Path;

use fimble_document::Text;
use fimble_syntax::{Region, all, by_path};

use crate::parse;

/// The content of one sample.
struct Sample {
    file: &'static str,
    /// A text inside something, and the first lines of what encloses it.
    inside: &'static str,
    headers: &'static [&'static str],
    imports: &'static [&'static str],
    /// Some of the names.
    identifiers: &'static [&'static str],
    /// A text in a comment, and one in a string; empty where the language has none.
    comment: &'static str,
    string: &'static str,
    /// A text in front of which a window may start.
    item: &'static str,
}

const SAMPLES: &[Sample] = &[
    Sample {
        file: "sample.rs",
        inside: "*self.counts.entry",
        headers: &["impl WordCounts {", "pub fn add_text(&mut self, text: &str) {"],
        imports: &["use std::collections::HashMap;", "use std::io::{self, Read};"],
        identifiers: &["WordCounts", "add_text", "HashMap", "counts"],
        comment: "most frequent words",
        string: ">6} {word",
        item: "/// The `n` most frequent",
    },
    Sample {
        file: "sample.py",
        inside: "json.loads",
        headers: &["class Inventory:", "def load(self) -> None:"],
        imports: &["import json", "from dataclasses import dataclass, field", "from pathlib import Path"],
        identifiers: &["Inventory", "is_low", "quantity", "dataclass"],
        comment: "A missing file",
        string: "Everything is in stock",
        item: "@dataclass\nclass Item",
    },
    Sample {
        file: "sample.js",
        inside: "task.done = true",
        headers: &["class TaskList {", "finish(id) {"],
        imports: &[
            "import { readFile, writeFile } from \"node:fs/promises\";",
            "const path = require(\"node:path\");",
        ],
        identifiers: &["TaskList", "finish", "candidate", "STORE"],
        comment: "Keeps a list",
        string: "no task has the number",
        item: "export async function save",
    },
    Sample {
        file: "sample.ts",
        inside: "this.emit",
        headers: &["export class RecentCache<K, V> extends EventEmitter {", "get(key: K): V | undefined {"],
        imports: &[
            "import { EventEmitter } from \"node:events\";",
            "import type { Clock } from \"./clock\";",
        ],
        identifiers: &["RecentCache", "CacheOptions", "storedAt", "keyOf"],
        comment: "forgets what",
        string: "node:events",
        item: "export interface CacheOptions",
    },
    Sample {
        file: "sample.tsx",
        inside: "{message.author}",
        headers: &[
            "export function MessageList({ messages }: { messages: Message[] }) {",
            "<section className=\"messages\">",
            "<ul>",
            "<li key={message.id}>",
            "<b>",
        ],
        imports: &["import { useMemo, useState } from \"react\";", "import { formatDate } from \"./dates\";"],
        identifiers: &["MessageList", "useState", "Message", "sentAt"],
        comment: "with a box",
        string: "react",
        item: "interface Message",
    },
    Sample {
        file: "sample.go",
        inside: "l.since = now",
        headers: &["func (l *Limiter) Allow(key string, now time.Time) bool {"],
        imports: &["import (\n\t\"sync\"\n\t\"time\"\n)"],
        identifiers: &["Limiter", "Allow", "window", "Duration"],
        comment: "reports whether",
        string: "sync",
        item: "// New returns a limiter",
    },
    Sample {
        file: "sample.c",
        inside: "capacity * 2",
        headers: &["static bool stack_grow(struct stack *stack)\n{"],
        imports: &["#include <stdbool.h>", "#include <stdlib.h>", "#include \"stack.h\""],
        identifiers: &["stack_push", "capacity", "FIRST_CAPACITY", "realloc"],
        comment: "Growing first",
        string: "stack.h",
        item: "struct stack *stack_new",
    },
    Sample {
        file: "sample.cpp",
        inside: "width_ * height_",
        headers: &[
            "namespace geometry {",
            "class Rectangle : public Shape {",
            "double area() const override {",
        ],
        imports: &["#include <algorithm>", "#include <memory>", "#include <vector>"],
        identifiers: &["Rectangle", "area", "total_area", "geometry"],
        comment: "the largest of them",
        string: "algorithm",
        item: "template <typename Iterator>",
    },
    Sample {
        file: "Sample.java",
        inside: "loans.add(loan)",
        headers: &[
            "public class Sample {",
            "public Loan lend(String title, String reader, LocalDate today) {",
        ],
        imports: &["import java.time.LocalDate;", "import java.util.ArrayList;", "import java.util.List;"],
        identifiers: &["Sample", "lend", "LocalDate", "isOverdue"],
        comment: "One line for each",
        string: ", please return",
        item: "record Loan",
    },
    Sample {
        file: "Sample.cs",
        inside: "lines.Add(",
        headers: &[
            "namespace Example.Shop\n{",
            "public class Basket\n    {",
            "public void Add(Product product, int count = 1)\n        {",
        ],
        imports: &["using System;", "using System.Collections.Generic;", "using System.Linq;"],
        identifiers: &["Basket", "Add", "Discount", "count"],
        comment: "A shopping basket",
        string: " things for ",
        item: "public decimal Total()",
    },
    Sample {
        file: "sample.rb",
        inside: "next unless match",
        headers: &["module WebLog", "class Parser", "def entries", "@io.each_line.filter_map do |line|"],
        imports: &["require \"set\"", "require_relative \"report\""],
        identifiers: &["WebLog", "entries", "@visitors", "match"],
        comment: "Reads a log",
        string: "visitors, best page",
        item: "class Parser",
    },
    Sample {
        file: "sample.php",
        inside: "->points(",
        headers: &[
            "class Ranking\n{",
            "public function add(string $team, int $scored, int $conceded): void\n    {",
        ],
        imports: &["use InvalidArgumentException;", "use Example\\Storage\\ResultTable;"],
        identifiers: &["Ranking", "add", "$team", "standings"],
        comment: "Turns a table",
        string: " cannot score ",
        item: "function ranking_of",
    },
    Sample {
        file: "sample.sh",
        inside: "mkdir -p",
        headers: &["make_copy() {"],
        imports: &["source \"$(dirname \"$0\")/colors.sh\""],
        identifiers: &["make_copy", "archive", "tar", "keep"],
        comment: "The newest come first",
        string: "usage: ",
        item: "usage() {",
    },
    Sample {
        file: "sample.lua",
        inside: "timer.action",
        headers: &["function Timers:update()"],
        imports: &["local heap = require(\"heap\")", "require \"strict\""],
        identifiers: &["Timers", "update", "n_run", "queue"],
        comment: "Runs everything",
        string: "hello, ",
        item: "function Timers:after",
    },
    Sample {
        file: "sample.json",
        inside: "\"retries\"",
        headers: &["\"upload\": {"],
        imports: &[],
        identifiers: &["upload", "retries", "sensors"],
        comment: "",
        string: "weather-station",
        item: "\"upload\"",
    },
    Sample {
        file: "sample.toml",
        inside: "certificate",
        headers: &["[server.tls]"],
        imports: &[],
        identifiers: &["server", "tls", "certificate"],
        comment: "Settings of",
        string: "Example server",
        item: "[logging]",
    },
    Sample {
        file: "sample.yaml",
        inside: "stable]",
        headers: &["jobs:", "test:", "strategy:", "matrix:"],
        imports: &[],
        identifiers: &["jobs", "matrix", "needs"],
        comment: "on every push",
        string: "cargo build",
        item: "defaults:",
    },
    Sample {
        file: "sample.html",
        inside: "Tuesday",
        headers: &["<html lang=\"en\">", "<body>", "<main class=\"content\">", "<table>", "<tr>", "<tr><td>"],
        imports: &[],
        identifiers: &["main", "menu", "content"],
        comment: "same on every page",
        string: "hours.html",
        item: "<main class",
    },
    Sample {
        file: "sample.css",
        inside: "padding: 0",
        headers: &["@media (max-width: 40rem) {", "#content {"],
        imports: &["@import url(\"reset.css\");"],
        identifiers: &["menu", "content", "max-width", "appear"],
        comment: "Colours are named",
        string: "Source Serif",
        item: ".menu a:hover",
    },
    Sample {
        file: "sample.md",
        inside: "Heat the oven",
        headers: &["# Bread with a sourdough starter", "## How it is done", "### Baking"],
        imports: &[],
        identifiers: &["[starter]"],
        comment: "for one loaf",
        string: "",
        item: "## What you need",
    },
    Sample {
        file: "sample.kt",
        inside: "null\n        }\n        val ticket",
        headers: &[
            "class Garage(private val capacity: Int, private val tariff: Tariff) {",
            "fun enter(plate: String, now: Instant): Ticket? {",
        ],
        imports: &["import java.time.Duration", "import java.time.Instant"],
        identifiers: &["Garage", "enter", "tickets", "isFull"],
        comment: "Every hour that",
        string: "no car with",
        item: "/** A car that",
    },
    Sample {
        file: "sample.swift",
        inside: "sightings = loaded",
        headers: &["final class Diary {", "func reload() throws {"],
        imports: &["import Foundation", "import SwiftUI"],
        identifiers: &["Diary", "reload", "SightingStore", "species"],
        comment: "What cannot be read",
        string: "the diary has",
        item: "/// A bird that",
    },
    Sample {
        file: "sample.scala",
        inside: "stock(name) = inStock",
        headers: &["class Orchard(fruits: Seq[Fruit]) {", "def sell(name: String, grams: Int): Try[Int] = {"],
        imports: &["import scala.collection.mutable", "import scala.util.{Failure, Success, Try}"],
        identifiers: &["Orchard", "harvest", "inStock", "Fruit"],
        comment: "What is not in stock",
        string: "a harvest weighs",
        item: "/** One kind of fruit",
    },
    Sample {
        file: "sample.dart",
        inside: "_position = 0;\n    } else {",
        headers: &["class Player extends ChangeNotifier {", "bool skip() {"],
        imports: &["import 'dart:async';", "import 'package:flutter/material.dart';"],
        identifiers: &["Player", "skip", "Repeat", "notifyListeners"],
        comment: "Behind the last song",
        string: "dart:async",
        item: "/// One song of",
    },
    Sample {
        file: "sample.sql",
        inside: "guest VARCHAR",
        headers: &["CREATE TABLE stays ("],
        imports: &[],
        identifiers: &["stays", "guest", "n_rooms", "taken"],
        comment: "Nobody has left",
        string: "Grace Example",
        item: "/* Nobody has left",
    },
    Sample {
        file: "sample.dockerfile",
        inside: "cargo build",
        headers: &[],
        imports: &[],
        identifiers: &["build", "debian", "PORT", "WEATHER_NAME"],
        comment: "built in one image",
        string: "the weather station",
        item: "# The program is",
    },
    Sample {
        file: "sample.mk",
        inside: "rm -rf",
        headers: &["clean:"],
        imports: &["include config.mk", "-include local.mk"],
        identifiers: &["CHAPTERS", "PANDOC", "clean", "all"],
        comment: "Builds a book",
        string: "",
        item: "build:\n",
    },
    Sample {
        file: "sample.tf",
        inside: "from_port",
        headers: &["resource \"aws_security_group\" \"web\" {", "ingress {"],
        imports: &[],
        identifiers: &["aws_security_group", "instance_count", "cidr_blocks", "merge"],
        comment: "Anybody may read",
        string: "How many servers",
        item: "/* Anybody may read",
    },
    Sample {
        file: "sample.proto",
        inside: "STATE_LENT",
        headers: &["message Book {", "enum State {"],
        imports: &["import \"google/protobuf/timestamp.proto\";", "import public \"example/person.proto\";"],
        identifiers: &["Book", "LendRequest", "Lend", "STATE_LENT"],
        comment: "Lends what the",
        string: "google/protobuf",
        item: "/* Lends what the",
    },
    Sample {
        file: "sample.vue",
        inside: "servings.value += n",
        headers: &["function more(n: number): void {"],
        imports: &["import { computed, ref } from \"vue\";", "import type { Recipe } from \"./recipes\";"],
        identifiers: &["servings", "more", "recipe", "max-width"],
        comment: "Amounts follow",
        string: "./recipes",
        item: "// Amounts follow",
    },
    Sample {
        file: "sample.svelte",
        inside: "Nothing was found",
        headers: &["<main class=\"stations\">", "{#if found.length > 0}", "<p>"],
        imports: &["  import { onMount } from \"svelte\";", "  import type { Station } from \"./stations\";"],
        identifiers: &["stations", "clear", "main", "display"],
        comment: "The list is empty",
        string: "Name of a station",
        item: "<!-- The list is",
    },
];

fn read(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/languages");
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn find(content: &str, needle: &str) -> usize {
    content.find(needle).unwrap_or_else(|| panic!("no {needle:?} in the sample"))
}

fn check(with: impl Fn(&Sample, &str, &Text, &fimble_syntax::SyntaxTree)) {
    for sample in SAMPLES {
        let content = read(sample.file);
        let language = by_path(sample.file).unwrap_or_else(|| panic!("{} is of no language", sample.file));
        let text = Text::new(&content);
        let tree = parse(language, &text);
        with(sample, &content, &text, &tree);
    }
}

#[test]
fn every_language_has_a_sample_without_errors() {
    check(|sample, _, _, tree| assert_eq!(tree.n_errors(), 0, "{} {}", sample.file, tree.to_s_expression()));
    for language in all() {
        assert!(SAMPLES.iter().any(|sample| by_path(sample.file) == Some(language)), "{language:?}");
    }
}

#[test]
fn enclosing_scopes_are_found_with_their_headers() {
    check(|sample, content, text, tree| {
        let offset = find(content, sample.inside) + 1;
        let scopes = tree.enclosing_scopes(text, offset);
        let headers: Vec<_> =
            scopes.iter().map(|scope| text.slice(scope.header.clone()).trim_start().to_owned()).collect();
        assert_eq!(headers, sample.headers, "{}", sample.file);
        for scope in &scopes {
            let body = scope.body.clone().unwrap_or_else(|| panic!("{}: no body in {scope:?}", sample.file));
            assert!(scope.range.start <= body.start && body.end <= scope.range.end, "{}", sample.file);
            assert!(body.start <= offset, "{}: {scope:?}", sample.file);
        }
    });
}

#[test]
fn imports_are_found_and_nothing_else() {
    check(|sample, _, text, tree| {
        let imports: Vec<_> =
            tree.imports(text, text.len()).into_iter().map(|range| text.slice(range).into_owned()).collect();
        assert_eq!(imports, sample.imports, "{}", sample.file);
    });
}

#[test]
fn imports_that_end_behind_the_given_place_are_left_out() {
    check(|sample, content, text, tree| {
        if let Some(last) = sample.imports.last() {
            let n_imports = tree.imports(text, find(content, last) + 1).len();
            assert_eq!(n_imports, sample.imports.len() - 1, "{}", sample.file);
        }
    });
}

#[test]
fn identifiers_are_found() {
    check(|sample, _, text, tree| {
        let names: Vec<_> = tree
            .identifiers(text, 0..text.len())
            .into_iter()
            .map(|range| text.slice(range).into_owned())
            .collect();
        for identifier in sample.identifiers {
            assert!(
                names.iter().any(|name| name == identifier),
                "{}: {identifier} in {names:?}",
                sample.file
            );
        }
    });
}

#[test]
fn comments_and_strings_are_told_from_code() {
    check(|sample, content, text, tree| {
        let region_in = |needle: &str| tree.region(text, find(content, needle) + 2);
        if !sample.comment.is_empty() {
            assert_eq!(region_in(sample.comment), Region::Comment, "{}", sample.file);
        }
        if !sample.string.is_empty() {
            assert_eq!(region_in(sample.string), Region::String, "{}", sample.file);
        }
        if sample.file != "sample.json" {
            assert_eq!(region_in(sample.inside), Region::Code, "{}", sample.file);
        }
    });
}

#[test]
fn a_window_can_start_at_an_item() {
    check(|sample, content, text, tree| {
        let item = find(content, sample.item);
        let line_start = text.line_start(text.line_of(item));
        let found = tree.item_start_at_or_after(line_start, text.len());
        assert_eq!(found, Some(line_start), "{}", sample.file);
        // From the middle of a line the next item counts.
        let next = tree.item_start_at_or_after(line_start + 1, text.len());
        assert!(next.is_none_or(|next| next > line_start), "{}", sample.file);
        assert_eq!(tree.item_start_at_or_after(line_start, line_start), None, "{}", sample.file);
    });
}
