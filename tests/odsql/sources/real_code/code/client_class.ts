import axios, { AxiosRequestConfig } from 'axios';
import { HttpParams } from '@angular/common/http';

interface Options { where?: string; limit?: number }

export class Portal {
  private static readonly BASE = 'https://data.example.org/api/explore/v2.1/catalog/datasets';
  private static readonly ACTIVE: string = "status = 'active'";

  async stations(region: string): Promise<unknown[]> {
    const config: AxiosRequestConfig = {
      params: {
        where: `${Portal.ACTIVE} and region = "${region}"`,
        order_by: 'name' as string,
        limit: 100,
      },
    };
    return (await axios.get(`${Portal.BASE}/stations/records`, config)).data.results;
  }

  angular(since: string) {
    const params = new HttpParams()
      .set('where', `date >= date'${since}'`)
      .append('refine', 'type:bus')
      .set('limit', 20);
    return this.http.get<Result>(`${Portal.BASE}/lines/records`, { params });
  }

  async all(options: Options = {}) {
    return this.records('lines', { where: options.where ?? "kind = 'tram'", groupBy: 'kind', limit: 3 });
  }

  async view() {
    return fetch(`${this.base}/lines/records?select=${encodeURIComponent('count(*) as n')}&group_by=kind`);
  }

  plain() {
    return fetch('https://data.example.org/api/explore/v2.1/catalog/datasets/a/records?where=' + encodeURIComponent(`a > ${this.n}`) + '&limit=5');
  }
}
