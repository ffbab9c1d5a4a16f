//! A record and rows: read, found to be what was meant, and written to the end of their answer.

use std::sync::Arc;

use super::page::{self, Fail, failed};
use super::{Answer, Service, Source, hint, lists};
use crate::db::Checked;
use crate::encode::{self, Layout, Rows};
use crate::error::ErrorKind;
use crate::plan::{GetPlan, ReadPlan};
use crate::sql;

impl Service {
    /// Reads a record.
    pub(super) async fn get(
        &self,
        source: Source<'_>,
        plan: &GetPlan<'_>,
        mut out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        let (db, max_bytes) = (source.db, source.max_bytes());
        let dialect = db.dialect();
        // A record that is looked up tells its own key.
        let mut checked = match plan.model.rules().is_empty() {
            true => Checked::Lately,
            false => Checked::Now,
        };
        out.extend_from_slice(b"\"data\":");
        let rows = |layout: &Arc<Layout>| {
            let layout = Arc::clone(layout);
            Rows::new(out, layout, source.style(), 1, page::room(source))
        };
        let fetched = match source.exposed.shapes.lookup(plan, dialect, max_bytes) {
            Some((lookup, id)) => {
                let rows = rows(lookup.layout());
                db.lookup(lookup, id, rows).await
            }
            None => {
                checked = Checked::Now;
                let statement = sql::get(plan, dialect, max_bytes);
                let rows = rows(&statement.layout);
                db.fetch(&statement, rows, source.until).await
            }
        };
        let rows =
            fetched.map_err(|failure| failed(source, &plan.joins, &plan.filter, &failure))?;
        let page = rows.finish();
        page::confirm(source, &plan.joins, page.edition, checked).await?;
        self.found();
        if let Some(field) = &page.unread {
            source.exposed.warn_of_unread(plan.model, field);
        }
        if page.count == 0 {
            let model = plan.model.name().into();
            let id = plan.id.clone();
            return Err(ErrorKind::NotFound { model, id }.into());
        }
        Ok(Answer {
            out: page.out,
            rows: 1,
        })
    }

    /// Reads rows, or groups of them.
    pub(super) async fn rows(
        &self,
        source: Source<'_>,
        plan: &ReadPlan<'_>,
        out: Vec<u8>,
    ) -> Result<Answer, Fail> {
        page::check_zone(source, plan).await?;
        let mut page = page::fetch(source, plan, out).await?;
        let listed = lists::fill(source, plan, &mut page).await?;
        let total = page::total(source, plan, &page).await?;
        page::confirm(source, &plan.joins, page.edition, Checked::Now).await?;
        self.found();
        let cursor = page::next_cursor(source, plan, &page);
        let (rows, more) = (page.count, page.more);
        let hint = match rows {
            // Rare, and large, as lists and counts are: they take no room of the request's own.
            0 => Box::pin(hint::instead(source, plan)).await,
            _ => None,
        };
        let mut out = page.out;
        out.extend_from_slice(
            format!(
                "],\"count\":{rows},\"limit\":{},\"offset\":{},\"has_more\":{more}",
                plan.page.limit, plan.page.offset
            )
            .as_bytes(),
        );
        if let Some(cursor) = cursor {
            out.extend_from_slice(format!(",\"next_cursor\":\"{cursor}\"").as_bytes());
        }
        if let Some(total) = total {
            out.extend_from_slice(format!(",\"total\":{total}").as_bytes());
        }
        if page.truncated {
            out.extend_from_slice(b",\"truncated\":true");
        }
        if let Some(hint) = hint {
            out.extend_from_slice(b",\"hint\":");
            encode::text(&mut out, &hint);
        }
        Ok(Answer {
            out,
            rows: rows + listed,
        })
    }
}
