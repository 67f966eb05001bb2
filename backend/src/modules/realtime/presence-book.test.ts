import { expect, test } from "vitest";
import { createPresenceBook, type PresenceReport } from "./presence-book.ts";

const person = (userId: string, isLooking = true, isTyping = false) => ({ userId, isLooking, isTyping });
function aBook() {
  let nowMs = 0;
  const book = createPresenceBook(() => nowMs, 100);
  const note = (source: string, people: PresenceReport["people"], conversationId = "c", taskId = "t") =>
    book.note({ source, conversationId, taskId, people });
  return {
    ...{ book, note },
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

test("a person with several tabs at several backends is one, and looks as long as one of them does", () => {
  const { book, note } = aBook();
  note("a", [person("ann", false, true)]);
  note("b", [person("ann"), person("bob", false)]);
  expect(book.peopleIn("c")).toEqual([person("ann", true, true), person("bob", false)]);
  expect([book.isLooking("ann", "t"), book.isLooking("bob", "t"), book.isLooking("ann", "u")]).toEqual([
    ...[true, false, false],
  ]);
  note("b", []);
  expect(book.isLooking("ann", "t")).toBe(false);
  expect(book.peopleIn("c")).toEqual([person("ann", false, true)]);
});

test("what a backend said that is not heard of any more does not count, and is swept", () => {
  const { book, note, wait } = aBook();
  note("a", [person("ann")]);
  wait(60);
  note("b", [person("bob")]);
  expect(book.sweep()).toEqual([]);
  wait(60);
  expect([book.isLooking("ann", "t"), book.isLooking("bob", "t")]).toEqual([false, true]);
  expect(book.sweep()).toEqual(["c"]);
  expect(book.peopleIn("c")).toEqual([person("bob")]);
});
