import { Column, Entity, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
export class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('int', { nullable: true })
  replacesId!: number | null;

  /** Checked by the COMMIT, and not by the INSERT: an order that replaces none of the others can make it fail. */
  @ManyToOne(() => Order, { deferrable: 'INITIALLY DEFERRED' })
  replaces?: Order;
}

@Entity()
export class Invoice {
  @PrimaryColumn()
  orderId!: number;
}

@Entity()
export class AuditEntry {
  @PrimaryColumn()
  orderId!: number;

  /** The same for all entries of one INSERT, and for no others. */
  @Column('timestamptz', { default: () => 'statement_timestamp()' })
  insertedAt!: Date;
}
