//! Latency by percentile: a picture for each workload, with a panel for each setting.

use std::{error::Error, ops::Range, path::Path};

use plotters::{
    coord::{Shift, combinators::IntoLogRange},
    prelude::{
        ChartBuilder, Color, DrawingArea, IntoDrawingArea, LineSeries, Palette, Palette99, PathElement,
        SVGBackend, SeriesLabelPosition, WHITE,
    },
};

use super::Report;
use crate::{
    BoxError,
    figures::{Point, Row},
    workload::Workload,
};

/// In pixels.
const PANEL: (u32, u32) = (640, 420);
const COLUMNS: usize = 2;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Report {
    /// Writes `a.svg` and so on.
    pub(crate) fn plot(&self, out: &Path) -> Result<(), BoxError> {
        for workload in &Workload::ALL {
            let is_of = |row: &&Row| row.workload == workload.letter && !row.latency.is_empty();
            let rows: Vec<&Row> = self.rows.iter().filter(is_of).collect();
            if !rows.is_empty() {
                picture(&out.join(format!("{}.svg", workload.letter)), workload, &rows)?;
            }
        }
        Ok(())
    }
}

fn picture(path: &Path, workload: &Workload, rows: &[&Row]) -> Result<(), BoxError> {
    let panels: Vec<&[&Row]> = rows.chunk_by(|one, next| one.is_beside(next)).collect();
    let lines = panels.len().div_ceil(COLUMNS);
    let columns = panels.len().min(COLUMNS);
    let size = (PANEL.0 * u32::try_from(columns)?, PANEL.1 * u32::try_from(lines)?);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    // Each has one colour throughout.
    let mut contestants: Vec<&str> = Vec::new();
    for row in rows {
        if !contestants.contains(&row.what) {
            contestants.push(row.what);
        }
    }
    for (area, rows) in root.split_evenly((lines, columns)).iter().zip(panels) {
        panel(area, workload, rows, &contestants)?;
    }
    Ok(root.present()?)
}

fn panel(area: &Area<'_>, workload: &Workload, rows: &[&Row], contestants: &[&str]) -> Result<(), BoxError> {
    let Some(Row { nodes, how, .. }) = rows.first() else { return Ok(()) };
    let title = format!("{}: {nodes} nodes {how}", workload.name).replace("1 nodes", "1 node");
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..most_nines(rows), micros(rows).log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("percentile")
        .y_desc("µs")
        .x_labels(4)
        .x_label_formatter(&percent)
        .light_line_style(WHITE)
        .draw()?;
    for row in rows {
        let number = contestants.iter().position(|contestant| *contestant == row.what);
        let color = Palette99::pick(number.unwrap_or_default()).to_rgba();
        let points = row.latency.iter().map(|point| (nines(point), point.us));
        let line = chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        line.label(row.what).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    let mut legend = chart.configure_series_labels();
    let legend = legend.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.8));
    legend.draw().map_err(|error| -> Box<dyn Error + Send + Sync> { error.into() })
}

/// How many nines a percentile has: 1 for 90 %, 2 for 99 %. What is rare gets as much room as what is not.
fn nines(point: &Point) -> f64 {
    -((100.0 - point.percent) / 100.0).log10()
}

fn percent(nines: &f64) -> String {
    let percent = 100.0 - 100.0 / 10_f64.powf(*nines);
    format!("{percent:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn most_nines(rows: &[&Row]) -> f64 {
    rows.iter().flat_map(|row| &row.latency).map(nines).fold(1.0, f64::max)
}

fn micros(rows: &[&Row]) -> Range<f64> {
    let all = || rows.iter().flat_map(|row| &row.latency).map(|point| point.us);
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    // A logarithm has no zero.
    least.max(0.1) * 0.9..most.max(0.2) * 1.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_labelled_as_they_are_called() {
        for (percentile, label) in [(0.0, "0"), (50.0, "50"), (90.0, "90"), (99.9, "99.9")] {
            assert_eq!(percent(&nines(&Point { percent: percentile, us: 1.0 })), label);
        }
    }
}
