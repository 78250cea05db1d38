/**
 * What the server says, as a line for people. It shows how to put what strangers wrote on a terminal: without control
 * characters, which could move the cursor, recolour the screen or forge a line.
 *
 * Nothing to run here; `join.ts` and `demo.ts` print these lines.
 *
 * @module
 */

import type { Answer } from "./messages.ts";

// Control characters, line separators, and the marks that reverse the direction of text.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** One line for one message, safe to print. */
export function describe(answer: Answer): string {
  return line(answer).replace(UNPRINTABLE, "\uFFFD");
}

function line(answer: Answer): string {
  switch (answer.type) {
    case "chat_message":
      return `<${answer.from}> ${answer.message}`;
    case "private_message":
      return `<${answer.from}, to you alone> ${answer.message}`;
    case "room_joined":
      return `* You joined ${answer.room}. In it: ${answer.users.join(", ")}`;
    case "users":
      return `* In ${answer.room}: ${answer.users.join(", ")}`;
    case "login_success":
    case "user_joined":
    case "user_left":
      return `* ${answer.message}`;
    case "error":
      return `! ${answer.message}`;
    default:
      return JSON.stringify(answer); // nothing that people ask for, or from a newer server
  }
}
