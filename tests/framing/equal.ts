/** Types compared by the type checker: a test that calls {@link sameType} does not compile where they differ. */

/** `true` if the two types are the same, `any` and optional or readonly properties included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** An intersection as one object type. */
export type Flat<T> = { [Key in keyof T]: T[Key] };

/** `sameType<Equal<A, B>>()` compiles only if `A` is `B`. */
export function sameType<_Same extends true>(): void {}
