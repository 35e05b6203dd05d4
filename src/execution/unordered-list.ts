/**
 * A list without an order, for members that come and go with each request. A `Set` rebuilds its table every few
 * requests, which costs more than all the rest.
 */
export class UnorderedList<T extends ListMember> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    if (member.listIndex === -1) member.listIndex = this.#members.push(member) - 1;
  }

  delete(member: T): void {
    if (member.listIndex === -1) return;
    const last = this.#members.pop()!;
    if (last !== member) {
      this.#members[member.listIndex] = last;
      last.listIndex = member.listIndex;
    }
    member.listIndex = -1;
  }

  /** Copies the list, so that later changes do not show. */
  toArray(): T[] {
    return [...this.#members];
  }
}

/** A member of an {@link UnorderedList}, of one at a time. */
export interface ListMember {
  /** Its place in the list; -1 while it is in none. */
  listIndex: number;
}
