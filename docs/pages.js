// Tells each cell of a table which column it is from, for the screens on which rows are cards. The roles are for those
// who cannot see it: what is no table for the eye any more is still one.
for (const table of document.querySelectorAll('.content table')) {
    const columns = [...table.querySelectorAll('thead th')].map(title => title.textContent.trim());
    table.setAttribute('role', 'table');
    for (const row of table.querySelectorAll('tbody tr')) {
        row.setAttribute('role', 'row');
        [...row.cells].forEach((cell, index) => {
            cell.setAttribute('role', 'cell');
            if (columns[index]) cell.dataset.column = columns[index];
        });
    }
}
