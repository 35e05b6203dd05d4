import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  NotFoundException,
  Param,
  ParseUUIDPipe,
  Post,
  StreamableFile,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { BackgroundTasks, Tasks } from 'nestjs-background-tasks';
import { ObjectStore } from '../store/object-store.js';
import { Thumbnails } from './thumbnails.js';

@Controller()
export class ImagesController {
  constructor(
    private readonly thumbnails: Thumbnails,
    private readonly store: ObjectStore,
  ) {}

  @Post('images')
  @HttpCode(202)
  upload(@Body() image: unknown, @Tasks() tasks: BackgroundTasks) {
    if (!Buffer.isBuffer(image))
      throw new UnsupportedMediaTypeException('Send the bytes of a JPEG, PNG or WebP, with its content-type');
    const id = randomUUID();
    tasks.with({ timeoutMs: 20_000 }).addTask(this.thumbnails, 'make', id, image);
    return { id, message: `The thumbnail will be at /thumbnails/${id}.` };
  }

  @Get('thumbnails/:id')
  @Header('content-type', 'image/webp')
  async download(@Param('id', ParseUUIDPipe) id: string): Promise<StreamableFile> {
    const stored = await this.store.get(`${id}.webp`);
    if (!stored) throw new NotFoundException(`There is no thumbnail ${id}, or not yet`);
    return new StreamableFile(stored);
  }

  @Get('example.jpg')
  @Header('content-type', 'image/jpeg')
  async example(): Promise<StreamableFile> {
    return new StreamableFile(await this.thumbnails.drawExample());
  }
}
