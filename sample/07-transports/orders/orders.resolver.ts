import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Receipts } from './receipts.js';

@Resolver()
export class OrdersResolver {
  constructor(private readonly receipts: Receipts) {}

  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Mutation(() => String)
  order(@Args('id', { type: () => String }) id: string): string {
    return this.receipts.order(id);
  }
}
