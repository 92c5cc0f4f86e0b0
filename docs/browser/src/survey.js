// What there is to know of a page once it has been loaded: an expression that yields a `Survey`.
(async () => {
    await document.fonts.ready;
    const complaints = [];
    const width = document.documentElement.clientWidth;
    const scrolls = element => {
        for (let at = element; at && at !== document.body; at = at.parentElement) {
            const style = getComputedStyle(at);
            if (style.overflowX !== 'visible' || style.position === 'fixed') return true;
        }
        return false;
    };
    if (document.documentElement.scrollWidth > width + 1) {
        const wide = [...document.body.querySelectorAll('*')]
            .filter(element => element.getBoundingClientRect().right > width + 1 && !scrolls(element));
        const names = wide.slice(-3).map(element => `<${element.tagName.toLowerCase()} class="${element.className}">`);
        complaints.push(`wider than the screen: ${names.join(', ') || 'something'}`);
    }
    for (const picture of document.querySelectorAll('svg.picture')) {
        const name = picture.getAttribute('aria-label') || 'a picture without a description';
        const frame = picture.getBoundingClientRect();
        const texts = [...picture.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
        if (frame.width < 100 || frame.height < 50) complaints.push(`hardly to be seen: ${name}`);
        for (const [text, box] of texts) {
            if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) {
                complaints.push(`“${text}” runs out of its picture: ${name}`);
            }
        }
        texts.forEach(([one, a], index) => texts.slice(index + 1).forEach(([other, b]) => {
            // Boxes of letters are higher than the letters.
            const apart = a.right < b.left || b.right < a.left || a.bottom < b.top + 5 || b.bottom < a.top + 5;
            if (!apart) complaints.push(`“${one}” and “${other}” stand on each other: ${name}`);
        }));
    }
    const plain = [...document.querySelectorAll('pre code[class*=language-]')].filter(code => !code.matches('.hljs'));
    if (plain.length > 0) complaints.push(`${plain.length} blocks of code without colours: a script of the book's does not run`);
    for (const image of document.images) {
        if (image.complete && image.naturalWidth === 0) complaints.push(`an image that cannot be shown: ${image.src}`);
    }
    return {
        complaints,
        ids: [...document.querySelectorAll('[id]')].map(element => element.id),
        links: [...document.links].map(link => link.href),
    };
})()
