import { Injectable } from '@nestjs/common'

export interface Crossing {
  from: string
  to: string
  departs: string
}

@Injectable()
export class CrossingsService {
  private readonly crossings: Crossing[] = [
    { from: 'Holyhead', to: 'Dublin', departs: '08:10' },
    { from: 'Kiel', to: 'Oslo', departs: '14:00' },
  ]

  from(port?: string): Crossing[] {
    return this.crossings.filter((crossing) => port === undefined || crossing.from === port)
  }
}
