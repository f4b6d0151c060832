"""Tests of circles.py on small crates: python3 tools/test_circles.py"""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import circles


def found(files: dict[str, str]) -> list[list[str]]:
    """The circles of a crate of these files, each by its path below src/."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        graph = circles.Crate(source / "lib.rs").graph()
        return [sorted(str(file.relative_to(source)) for file in circle) for circle in circles.circles(graph)]


class Circles(unittest.TestCase):
    def test_modules_that_import_downwards_are_no_circle(self):
        files = {"lib.rs": "mod a; mod b;", "a.rs": "use crate::b::B; pub struct A(B);", "b.rs": "pub struct B;"}
        self.assertEqual(found(files), [])

    def test_two_files_that_import_each_other_are_a_circle(self):
        for one, other in [
            ("use crate::b::B; pub struct A(B);", "use crate::a::A; pub struct B(A);"),
            ("use super::b::B; pub struct A(B);", "use super::{a::A}; pub struct B(A);"),
            ("pub fn a() { crate::b::b() }", "pub fn b() { super::a::a() }"),
            ("use crate::b; pub fn a() { b::b() }", "use crate::a; pub fn b() { a::a() }"),
            ("use crate::b as other; pub fn a() { other::b() }", "pub fn b() { loop { use crate::a::*; a() } }"),
            ("use crate::b::B as C; pub trait A { fn a(c: C); }", "use crate::a::A as _; pub struct B;"),
        ]:
            with self.subTest(one):
                self.assertEqual(found({"lib.rs": "mod a; mod b;", "a.rs": one, "b.rs": other}), [["a.rs", "b.rs"]])

    def test_a_circle_through_three_files_is_found_once(self):
        files = {
            "lib.rs": "mod a; mod b; mod c; mod d;",
            "a.rs": "use crate::b::b; pub fn a() { b() }",
            "b.rs": "use crate::c::c; pub fn b() { c() }",
            "c.rs": "use crate::{a::a, d::d}; pub fn c() { a(); d() }",
            "d.rs": "pub fn d() {}",
        }
        self.assertEqual(found(files), [["a.rs", "b.rs", "c.rs"]])

    def test_a_folder_that_only_names_and_re_exports_its_children_is_in_no_circle(self):
        files = {
            "lib.rs": "//! Uses crate::a::A.\nmod a;\npub use a::{A, B};",
            "a/mod.rs": "mod b;\nmod c;\npub use self::{b::B, c::A};",
            "a/b.rs": "pub struct B;",
            "a/c.rs": "use super::B; pub struct A(B, crate::B);",
        }
        self.assertEqual(found(files), [])

    def test_a_re_export_stands_for_the_file_of_its_definition(self):
        files = {
            "lib.rs": "mod a; mod b; pub use a::*; pub use b::B;",
            "a.rs": "use crate::B; pub struct A(B);",
            "b.rs": "use crate::A; pub struct B(Box<A>);",
        }
        self.assertEqual(found(files), [["a.rs", "b.rs"]])

    def test_a_parent_with_code_of_its_own_and_a_child_that_uses_it_are_a_circle(self):
        child = "use super::Size; pub fn area(size: Size) {}"
        for parent in [
            "mod a; pub struct Size; pub fn area(size: Size) { a::area(size) }",
            "mod a; pub use a::area; pub struct Size; impl Size { fn area(self) { area(self) } }",
        ]:
            with self.subTest(parent):
                self.assertEqual(found({"lib.rs": parent, "a.rs": child}), [["a.rs", "lib.rs"]])
        self.assertEqual(found({"lib.rs": "mod a; pub use a::area; pub struct Size;", "a.rs": child}), [])

    def test_what_only_tests_compile_is_ignored(self):
        for other in [
            "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
            "pub struct B; #[cfg(test)] mod tests;",
            "pub struct B; #[cfg(all(test, unix))] use crate::a::A;",
            "pub struct B; impl B { #[cfg(test)] fn b(a: crate::a::A) -> Self { Self } }",
        ]:
            with self.subTest(other):
                files = {"lib.rs": "mod a; mod b;", "a.rs": "use crate::b::B; pub struct A(B);", "b.rs": other}
                self.assertEqual(found({**files, "b/tests.rs": "use crate::a::A;"}), [])

    def test_what_other_builds_compile_is_not_ignored(self):
        other = '#[cfg(any(test, feature = "faults"))] use crate::a::A; pub struct B;'
        files = {"lib.rs": "mod a; mod b;", "a.rs": "use crate::b::B; pub struct A(B);", "b.rs": other}
        self.assertEqual(found(files), [["a.rs", "b.rs"]])

    def test_comments_strings_and_other_crates_are_no_uses(self):
        other = """
            /* use crate::a::A; /* nested */ */
            /// As [`crate::a::A`].
            pub fn b<'a>(text: &'a str) -> ::a::A { let _ = ("crate::a::A", r#"crate::a::"A"#, '"', b'\\''); ::a::A }
        """
        files = {"lib.rs": "mod a; mod b;", "a.rs": "use crate::b::b; pub struct A;", "b.rs": other}
        self.assertEqual(found(files), [])

    def test_modules_within_a_file_belong_to_it(self):
        files = {
            "lib.rs": "mod a; mod b;",
            "a.rs": "pub struct A; mod inner { use super::A; pub fn f(_: A) { crate::b::b() } }",
            "b.rs": "use crate::a::inner; pub fn b() { inner::f(todo!()) }",
        }
        self.assertEqual(found(files), [["a.rs", "b.rs"]])

    def test_a_module_and_a_function_may_share_their_name(self):
        files = {
            "lib.rs": "mod warp; pub use warp::warp;",
            "warp.rs": "mod rows; pub fn warp() { rows::rows() }",
            "warp/rows.rs": "pub fn rows() { crate::warp() }",
        }
        self.assertEqual(found(files), [["warp.rs", "warp/rows.rs"]])

    def test_a_module_may_lie_in_a_file_of_another_name(self):
        files = {
            "lib.rs": '#[path = "elsewhere.rs"] mod a; mod b;',
            "elsewhere.rs": "pub fn a() { crate::b::b() }",
            "b.rs": "pub fn b() { crate::a::a() }",
        }
        self.assertEqual(found(files), [["b.rs", "elsewhere.rs"]])

    def test_a_macro_of_the_crate_is_a_use_of_its_file(self):
        files = {
            "lib.rs": "mod a; mod b;",
            "a.rs": "#[macro_export] macro_rules! twice { ($x:expr) => { $crate::b::b($x) } }",
            "b.rs": "pub fn b(x: u8) { crate::twice!(x) }",
        }
        self.assertEqual(found(files), [["a.rs", "b.rs"]])

    def test_the_program_names_each_circle_and_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            workspace = Path(folder)
            (workspace / "Cargo.toml").write_text('[workspace]\nmembers = ["one", "two"]\n')
            for member, other in [("one", "pub fn b() {}"), ("two", "pub fn b() { crate::a::a() }")]:
                source = workspace / member / "src"
                source.mkdir(parents=True)
                (source / "lib.rs").write_text("mod a;\nmod b;\n")
                (source / "a.rs").write_text("\n\npub fn a() { crate::b::b() }")
                (source / "b.rs").write_text(other)
            for members, expected in [("two", 1), ("one", 0)]:
                (workspace / "Cargo.toml").write_text(f'[workspace]\nmembers = ["{members}"]\n')
                out, err = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    self.assertEqual(circles.main([folder]), expected)
                if expected:
                    self.assertIn("two/src/a.rs:3 uses crate::b::b of two/src/b.rs", out.getvalue())
                else:
                    self.assertEqual(out.getvalue(), "")


if __name__ == "__main__":
    unittest.main()
