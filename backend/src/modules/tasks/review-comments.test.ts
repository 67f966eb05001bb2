import { describe, expect, it } from "vitest";
import { filesOfDiff, followUpOf } from "./review-comments.ts";

const patch = `diff --git a/src/sum.js b/src/sum.js
index 1..2 100644
--- a/src/sum.js
+++ b/src/sum.js
@@ -1,3 +1,3 @@
 // adds
-export const sum = (a, b) => a - b;
+export const sum = (a, b) => a + b;
 // the end
@@ -9 +9,2 @@ function x
--- not a header
+++ not one either
+last
diff --git "a/gr\\303\\274n.txt" "b/gr\\303\\274n.txt"
new file mode 100644
--- /dev/null
+++ "b/gr\\303\\274n.txt"
@@ -0,0 +1 @@
+green
diff --git a/old.txt b/old.txt
deleted file mode 100644
--- a/old.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/logo.png b/logo.png
Binary files a/logo.png and b/logo.png differ
diff --git a/from.txt b/to.txt
similarity index 100%
rename from from.txt
rename to to.txt
`;

describe("comments on a diff", () => {
  it("know every file of it, whatever its name and what became of it", () => {
    expect([...filesOfDiff(patch).keys()]).toEqual([
      "src/sum.js",
      "grün.txt",
      "old.txt",
      "logo.png",
      "to.txt",
    ]);
  });

  it("quote the line they are about, as it is after the change", () => {
    const files = filesOfDiff(patch);
    expect(files.get("src/sum.js")?.get(2)).toBe("export const sum = (a, b) => a + b;");
    expect(files.get("src/sum.js")?.get(9)).toBe("++ not one either");
    expect(files.get("src/sum.js")?.get(10)).toBe("last");
    const comments = [
      { path: "src/sum.js", line: 2, text: "name it add\nand export it" },
      { path: "src/sum.js", line: 70, text: "and here?" },
    ];
    expect(followUpOf("Nearly there.", comments, files)).toBe(
      "Nearly there.\n\nComments on lines of your change:\n\n1. src/sum.js:2\n   > export const sum = (a, b) => a + b;\n   name it add\n   and export it\n\n2. src/sum.js:70\n   and here?",
    );
    expect(followUpOf("Just this.", [], files)).toBe("Just this.");
  });
});
