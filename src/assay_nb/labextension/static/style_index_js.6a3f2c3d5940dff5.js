"use strict";(self.rspackChunkassay_nb=self.rspackChunkassay_nb||[]).push([["style_index_js"],{"./node_modules/css-loader/dist/cjs.js!./style/index.css"(a,e,s){var r=s("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),t=s.n(r),o=s("./node_modules/css-loader/dist/runtime/api.js"),n=(s.n(o))()(t());n.push([a.id,`/* Colours are JupyterLab's, or translucent tints over them, so that both themes and print read well. */

.assay-result,
.assay-sidebar,
.assay-alert {
  --assay-neutral: 125, 133, 144;
  --assay-good: 45, 164, 78;
  --assay-info: 59, 130, 214;
  --assay-warning: 191, 135, 0;
  --assay-bad: 209, 67, 75;
  --assay-hairline: 1px solid rgba(125, 133, 144, 0.3);

  color: var(--jp-content-font-color1);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.5;
  overflow-wrap: break-word;
}

.assay-result {
  font-family: var(--jp-content-font-family);
  max-width: 64em;
  padding: 4px 8px 8px 0;
}

.assay-result p,
.assay-sidebar p {
  margin: 0.5em 0;
}

.assay-heading {
  border-bottom: var(--assay-hairline);
  font-size: 1.15em;
  font-weight: 600;
  margin: 0 0 0.7em;
  padding: 0 0 0.35em;
}

.assay-heading > * {
  font-size: 0.85rem;
  font-weight: 400;
}

.assay-score,
.assay-note,
.assay-fine,
.assay-more {
  color: var(--jp-content-font-color2, inherit);
}

.assay-badge {
  background: rgba(var(--assay-tone, var(--assay-neutral)), 0.13);
  border: 1px solid rgba(var(--assay-tone, var(--assay-neutral)), 0.45);
  border-radius: 3px;
  display: inline-block;
  font-size: 0.85em;
  font-weight: 400;
  line-height: 1.4;
  padding: 0 0.4em;
  white-space: nowrap;
}

.assay-neutral {
  --assay-tone: var(--assay-neutral);
}

.assay-good {
  --assay-tone: var(--assay-good);
}

.assay-info {
  --assay-tone: var(--assay-info);
}

.assay-warning {
  --assay-tone: var(--assay-warning);
}

.assay-bad {
  --assay-tone: var(--assay-bad);
}

.assay-notice {
  background: rgba(var(--assay-tone), 0.1);
  border-left: 3px solid rgb(var(--assay-tone));
  border-radius: 2px;
  padding: 0.35em 0.8em;
}

.assay-scores {
  display: grid;
  grid-template-columns: max-content 9em max-content 1fr;
  gap: 0.2em 1em;
  margin: 0.6em 0 0.9em;
}

.assay-row {
  align-items: center;
  display: grid;
  grid-column: 1 / -1;
  grid-template-columns: subgrid;
}

.assay-bar {
  background: linear-gradient(
    to right,
    var(--jp-brand-color1) var(--assay-share),
    rgba(125, 133, 144, 0.22) var(--assay-share)
  );
  border-radius: 2px;
  height: 6px;
}

.assay-value {
  font-variant-numeric: tabular-nums;
}

.assay-result pre.assay-prompt,
.assay-result pre.assay-diff {
  background: rgba(125, 133, 144, 0.08);
  border: 0;
  border-radius: 4px;
  color: inherit;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  line-height: 1.6;
  margin: 0.5em 0;
  max-height: 28em;
  overflow: auto;
  padding: 0.6em 0.8em;
  position: relative;
  white-space: pre-wrap;
}

.assay-result pre.assay-diff {
  margin-top: 0;
}

.assay-result mark.assay-mark {
  background: rgba(var(--assay-tone), 0.16);
  border-bottom: 2px solid rgba(var(--assay-tone), 0.9);
  border-radius: 2px 2px 0 0;
  color: inherit;
  transition: background 120ms;
}

.assay-result mark.assay-lit {
  background: rgba(var(--assay-tone), 0.42);
  outline: 1px solid rgb(var(--assay-tone));
}

.assay-number {
  font-family: var(--jp-code-font-family);
  font-size: 0.78em;
  font-weight: 600;
  line-height: 0;
  padding: 0 0.15em;
}

.assay-list,
.assay-plain {
  list-style: none;
  margin: 0.7em 0;
  padding: 0;
}

.assay-item {
  border-radius: 4px;
  margin: 0 0 0.5em;
  padding: 0.35em 0.5em 0.35em 2.2em;
  position: relative;
}

.assay-item:hover,
.assay-item:focus-visible {
  background: rgba(125, 133, 144, 0.08);
}

.assay-label {
  color: var(--jp-content-font-color2, inherit);
  font-variant-numeric: tabular-nums;
  font-weight: 600;
  left: 0.5em;
  position: absolute;
}

.assay-title {
  font-weight: 500;
}

.assay-result code,
.assay-sidebar code {
  background: rgba(125, 133, 144, 0.15);
  border-radius: 3px;
  color: inherit;
  font-family: var(--jp-code-font-family);
  font-size: 0.92em;
  padding: 0.05em 0.3em;
  white-space: pre-wrap;
}

.assay-result del {
  background: rgba(var(--assay-bad), 0.16);
  text-decoration: line-through;
  text-decoration-thickness: 1px;
}

.assay-result ins {
  background: rgba(var(--assay-good), 0.2);
  text-decoration: underline;
  text-decoration-thickness: 1px;
  text-underline-offset: 3px;
}

.assay-result del + ins {
  margin-left: 3px;
}

.assay-rejected .assay-diff ins,
.assay-rejected .assay-diff del {
  background: rgba(125, 133, 144, 0.12);
}

.assay-accept {
  align-items: center;
  display: flex;
  gap: 0.5em;
  margin-top: 0.35em;
  width: max-content;
}

.assay-choice {
  color: var(--jp-content-font-color2, inherit);
}

.assay-choice::before {
  content: '\xb7 ';
}

.assay-actions,
.assay-line {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  margin: 0.7em 0;
}

.assay-button {
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1);
  border-radius: 3px;
  color: var(--jp-ui-font-color1);
  cursor: pointer;
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  padding: 3px 12px;
}

.assay-button:hover {
  background: var(--jp-layout-color2);
}

.assay-primary {
  background: var(--jp-layout-color1);
  border-color: var(--jp-brand-color1);
  box-shadow: inset 0 0 0 1px var(--jp-brand-color1);
  font-weight: 600;
}

.assay-result :focus-visible,
.assay-sidebar :focus-visible,
.assay-status button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.assay-details {
  margin: 0.5em 0;
}

.assay-details summary {
  color: var(--jp-content-font-color2, inherit);
  cursor: pointer;
}

.assay-result table.assay-table,
.assay-sidebar table.assay-table {
  border: 0;
  border-collapse: collapse;
  font-size: var(--jp-ui-font-size1);
  margin: 0.6em 0;
  table-layout: auto;
}

.assay-table caption {
  color: var(--jp-content-font-color2, inherit);
  padding-bottom: 0.3em;
  text-align: left;
}

.assay-table th,
.assay-table td {
  background: transparent;
  border: 0;
  border-bottom: var(--assay-hairline);
  padding: 0.3em 1em 0.3em 0;
  text-align: left;
  vertical-align: top;
}

.assay-bars {
  display: grid;
  gap: 0.2em 0.8em;
  grid-template-columns: minmax(0, max-content) minmax(2em, 1fr) minmax(0, max-content);
  list-style: none;
  margin: 0.5em 0;
  padding: 0;
}

.assay-bars li {
  align-items: center;
  display: grid;
  grid-column: 1 / -1;
  grid-template-columns: subgrid;
}

.assay-bar {
  background: var(--jp-layout-color3);
  border-radius: 2px;
  height: 0.5em;
  overflow: hidden;
}

.assay-bar > span {
  background: var(--jp-brand-color1);
  display: block;
  height: 100%;
}

.assay-fine {
  border-top: var(--assay-hairline);
  font-size: 0.88em;
  margin-top: 1em;
  padding-top: 0.4em;
}

.assay-alert {
  max-width: 60ch;
}

/* A result beside its notebook. */

.assay-side {
  background: var(--jp-layout-color0);
  container-type: inline-size;
  min-width: 260px;
  overflow: auto;
  padding: 12px 16px;
}

@container (max-width: 27em) {
  .assay-scores {
    gap: 0.2em 0.7em;
    grid-template-columns: minmax(0, 1fr) 5em max-content;
  }

  .assay-row .assay-note {
    grid-column: 1 / -1;
    margin-bottom: 0.4em;
  }
}

.assay-side:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

/* The sidebar. */

.assay-sidebar {
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  min-width: 260px;
  overflow: auto;
  padding: 4px 14px 14px;
}

/* It has the focus only until the next Tab, and nothing to press. */
.assay-sidebar:focus {
  outline: 0;
}

.assay-sidebar section {
  border-bottom: var(--assay-hairline);
  padding: 10px 0 12px;
}

.assay-sidebar section:last-child {
  border-bottom: 0;
}

.assay-sidebar h2 {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 0.04em;
  margin: 0 0 8px;
  text-transform: uppercase;
}

.assay-sidebar h3 {
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  margin: 0;
}

.assay-card {
  margin: 0 0 14px;
}

.assay-card:last-child {
  margin: 0;
}

.assay-sidebar .assay-keystate,
.assay-sidebar .assay-news {
  margin: 2px 0 4px;
}

.assay-sidebar .assay-news:empty {
  display: none;
}

/* What went wrong is seen wherever one is in a long sidebar. */
.assay-sidebar > .assay-news {
  background: var(--jp-layout-color1);
  border-top: 1px solid var(--jp-border-color2);
  bottom: 0;
  margin: 0 -14px;
  overflow-wrap: anywhere;
  padding: 8px 14px;
  position: sticky;
}

.assay-field {
  color: var(--jp-ui-font-color2);
  display: block;
  font-size: var(--jp-ui-font-size0);
  margin: 4px 0 2px;
}

.assay-sidebar input,
.assay-sidebar select {
  background: var(--jp-input-background);
  border: 1px solid var(--jp-border-color1);
  border-radius: 3px;
  box-sizing: border-box;
  color: var(--jp-ui-font-color1);
  font: inherit;
  min-height: 26px;
  padding: 2px 6px;
  width: 100%;
}

.assay-sidebar input[type='checkbox'] {
  min-height: 0;
  vertical-align: middle;
  width: auto;
}

.assay-tick {
  display: block;
  margin: 8px 0 2px;
}

.assay-connect {
  border-top: var(--assay-hairline);
  margin-top: 10px;
  padding-top: 6px;
}

.assay-sidebar .assay-line input {
  flex: 1;
  width: auto;
}

.assay-sidebar ::placeholder {
  color: var(--jp-ui-font-color2);
  opacity: 1;
}

.assay-sidebar a {
  color: var(--jp-content-link-color);
  text-decoration: underline;
}

.assay-wide {
  overflow: auto;
}

/* The status bar. */

.assay-status button {
  background: transparent;
  border: 0;
  color: inherit;
  cursor: pointer;
  font: inherit;
  height: 100%;
  padding: 0 6px;
}

.assay-status button:hover {
  background: var(--jp-layout-color3);
}

/* In prompt cells. */

.assay-in-cell.assay-variable {
  background: rgba(59, 130, 214, 0.14);
  border-radius: 3px;
}

.assay-in-cell.assay-error {
  text-decoration: underline wavy rgb(209, 67, 75) 1px;
  text-underline-offset: 3px;
}

.assay-in-cell.assay-warning {
  text-decoration: underline wavy rgb(191, 135, 0) 1px;
  text-underline-offset: 3px;
}

.assay-in-cell.assay-hint {
  text-decoration: underline dotted rgb(59, 130, 214) 1px;
  text-underline-offset: 3px;
}

/* The cell toolbar's words. */

.jp-cell-toolbar [data-command^='assay-nb:'] .jp-ToolbarButtonComponent-label {
  font-size: var(--jp-ui-font-size0);
}
`,""]),s.d(e,{},{A:n})},"./node_modules/css-loader/dist/runtime/api.js"(a){a.exports=function(a){var e=[];return e.toString=function(){return this.map(function(e){var s="",r=void 0!==e[5];return e[4]&&(s+="@supports (".concat(e[4],") {")),e[2]&&(s+="@media ".concat(e[2]," {")),r&&(s+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),s+=a(e),r&&(s+="}"),e[2]&&(s+="}"),e[4]&&(s+="}"),s}).join("")},e.i=function(a,s,r,t,o){"string"==typeof a&&(a=[[null,a,void 0]]);var n={};if(r)for(var i=0;i<this.length;i++){var l=this[i][0];null!=l&&(n[l]=!0)}for(var d=0;d<a.length;d++){var c=[].concat(a[d]);r&&n[c[0]]||(void 0!==o&&(void 0===c[5]||(c[1]="@layer".concat(c[5].length>0?" ".concat(c[5]):""," {").concat(c[1],"}")),c[5]=o),s&&(c[2]&&(c[1]="@media ".concat(c[2]," {").concat(c[1],"}")),c[2]=s),t&&(c[4]?(c[1]="@supports (".concat(c[4],") {").concat(c[1],"}"),c[4]=t):c[4]="".concat(t)),e.push(c))}},e}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(a){a.exports=function(a){return a[1]}},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(a){var e=[];function s(a){for(var s=-1,r=0;r<e.length;r++)if(e[r].identifier===a){s=r;break}return s}function r(a,r){for(var t={},o=[],n=0;n<a.length;n++){var i=a[n],l=r.base?i[0]+r.base:i[0],d=t[l]||0,c="".concat(l," ").concat(d);t[l]=d+1;var p=s(c),u={css:i[1],media:i[2],sourceMap:i[3],supports:i[4],layer:i[5]};if(-1!==p)e[p].references++,e[p].updater(u);else{var y=function(a,e){var s=e.domAPI(e);return s.update(a),function(e){e?(e.css!==a.css||e.media!==a.media||e.sourceMap!==a.sourceMap||e.supports!==a.supports||e.layer!==a.layer)&&s.update(a=e):s.remove()}}(u,r);r.byIndex=n,e.splice(n,0,{identifier:c,updater:y,references:1})}o.push(c)}return o}a.exports=function(a,t){var o=r(a=a||[],t=t||{});return function(a){a=a||[];for(var n=0;n<o.length;n++){var i=s(o[n]);e[i].references--}for(var l=r(a,t),d=0;d<o.length;d++){var c=s(o[d]);0===e[c].references&&(e[c].updater(),e.splice(c,1))}o=l}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(a){var e={};a.exports=function(a,s){var r=function(a){if(void 0===e[a]){var s=document.querySelector(a);if(window.HTMLIFrameElement&&s instanceof window.HTMLIFrameElement)try{s=s.contentDocument.head}catch(a){s=null}e[a]=s}return e[a]}(a);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(s)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(a){a.exports=function(a){var e=document.createElement("style");return a.setAttributes(e,a.attributes),a.insert(e,a.options),e}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(a,e,s){a.exports=function(a){var e=s.nc;e&&a.setAttribute("nonce",e)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(a){a.exports=function(a){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=a.insertStyleElement(a);return{update:function(s){var r,t,o;r="",s.supports&&(r+="@supports (".concat(s.supports,") {")),s.media&&(r+="@media ".concat(s.media," {")),(t=void 0!==s.layer)&&(r+="@layer".concat(s.layer.length>0?" ".concat(s.layer):""," {")),r+=s.css,t&&(r+="}"),s.media&&(r+="}"),s.supports&&(r+="}"),(o=s.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(o))))," */")),a.styleTagTransform(r,e,a.options)},remove:function(){var a;null===(a=e).parentNode||a.parentNode.removeChild(a)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(a){a.exports=function(a,e){if(e.styleSheet)e.styleSheet.cssText=a;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(a))}}},"./style/index.js"(a,e,s){var r=s("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),t=s.n(r),o=s("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),n=s.n(o),i=s("./node_modules/style-loader/dist/runtime/insertBySelector.js"),l=s.n(i),d=s("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),c=s.n(d),p=s("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),u=s.n(p),y=s("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),m=s.n(y),b=s("./node_modules/css-loader/dist/cjs.js!./style/index.css"),g={};g.styleTagTransform=m(),g.setAttributes=c(),g.insert=l().bind(null,"head"),g.domAPI=n(),g.insertStyleElement=u(),t()(b.A,g),b.A&&b.A.locals&&b.A.locals}}]);