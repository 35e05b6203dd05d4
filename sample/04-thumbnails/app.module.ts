import { Module } from '@nestjs/common';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { WorkerThreadsModule } from 'nestjs-background-tasks/worker-threads';
import { ServerAddress } from '../server-address.js';
import { ImagesController } from './images/images.controller.js';
import { Thumbnails } from './images/thumbnails.js';
import { Settings } from './settings.js';
import { LocalS3 } from './store/local-s3.js';
import { ObjectStore } from './store/object-store.js';

@Module({
  imports: [BackgroundTasksModule.forRoot(), WorkerThreadsModule.forRoot()],
  controllers: [ImagesController],
  providers: [
    Thumbnails,
    ObjectStore,
    LocalS3,
    ServerAddress,
    { provide: Settings, useFactory: () => new Settings(process.env) },
  ],
})
export class AppModule {}
