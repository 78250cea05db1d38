/** What ends a command: one line for the user. None of these leaves the command line. */

/** It did not work: exit code 1. */
export class Failure extends Error {
  override readonly name: string = "Failure";
}

/** The command line says something that cannot be understood: exit code 2. */
export class UsageError extends Failure {
  override readonly name = "UsageError";
}
