//! Writers: terminal tables, plain sentences, CSV, JSON and one self-contained HTML page.
//!
//! All take a [`Study`](crate::curve::Study). Texts are returned; files are written beside their
//! target and renamed into place, so that an interrupted run leaves nothing half-written.

mod atomic;
mod chart;
mod end_to_end_map;
mod end_to_end_page;
mod end_to_end_table;
mod heat;
mod link_page;
mod number;
mod page;
mod plan_map;
mod record_files;
mod run_page;
mod series_style;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use atomic::write_atomically;
pub use end_to_end_page::{end_to_end_page, write_end_to_end_html};
pub use end_to_end_table::{
    end_to_end_finding, end_to_end_records, end_to_end_table, write_end_to_end_csv,
    write_end_to_end_json, write_requests_csv,
};
pub use link_page::{LinkStudy, link_page, write_link_html};
pub use page::{html_page, write_demo_html, write_html};
pub use plan_map::{PlanMap, PlanRecord, PlanReport, plan_page, write_plan_csv, write_plan_html};
pub use record_files::{write_json, write_points_csv, write_summaries_csv};
pub use run_page::{RunReport, RunRequest, run_page, timeline_section, write_run_html};
pub use table::{points_table, ratios_table, summary_table};
pub use words::findings;
